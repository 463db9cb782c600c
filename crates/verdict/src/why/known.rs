//! Finalizers that many clusters have: whose they are, and what takes them off.
//!
//! Each name was found in the project's documentation or source. What is not here is told as
//! somebody's unknown finalizer, which is better than a guess.

/// What is known of a finalizer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Known {
    /// Whose it is.
    pub(crate) owner: &'static str,
    /// When it goes.
    pub(crate) goes: &'static str,
    /// What is left behind if it is taken off by hand.
    pub(crate) left_behind: &'static str,
}

/// How a finalizer is recognised.
enum Name {
    Is(&'static str),
    Begins(&'static str),
    Ends(&'static str),
}

use Name::{Begins, Ends, Is};

const CLOUD: &str = "what it made outside of the cluster stays, and goes on costing money";
const CLEAN_UP: &str = "what it was to clean up stays";

const fn known(owner: &'static str, goes: &'static str, left_behind: &'static str) -> Known {
    Known { owner, goes, left_behind }
}

/// The first that fits is taken.
const KNOWN: &[(Name, Known)] = &[
    (
        Is("orphan"),
        known(
            "Kubernetes' garbage collector",
            "it goes once the objects that it owns no longer name it as their owner",
            "they may be deleted with it",
        ),
    ),
    (
        Is("kubernetes.io/pv-protection"),
        known(
            "Kubernetes (storage protection)",
            "it goes once no PersistentVolumeClaim is bound to the volume",
            "a pod may lose the volume that it uses",
        ),
    ),
    (
        Is("kubernetes.io/pvc-protection"),
        known(
            "Kubernetes (storage protection)",
            "it goes once no pod uses the claim: delete those pods, or what makes them",
            "a pod may lose the volume that it uses",
        ),
    ),
    (
        Is("service.kubernetes.io/load-balancer-cleanup"),
        known(
            "the cloud's controller manager",
            "it goes once the load balancer of the Service is deleted",
            CLOUD,
        ),
    ),
    (
        Is("batch.kubernetes.io/job-tracking"),
        known(
            "Kubernetes' Job controller",
            "it goes once the Job has counted the pod",
            "the Job may count the pod wrongly",
        ),
    ),
    (
        Is("resource.kubernetes.io/delete-protection"),
        known(
            "Kubernetes (dynamic resource allocation)",
            "it goes once no pod uses the claim",
            "a pod may lose the device that it uses",
        ),
    ),
    (
        Is("external-provisioner.volume.kubernetes.io/finalizer"),
        known(
            "the CSI external-provisioner of the volume's driver",
            "it goes once the storage behind the volume is deleted",
            CLOUD,
        ),
    ),
    (
        Is("kubernetes.io/pv-controller"),
        known(
            "Kubernetes' volume controller",
            "it goes once the storage behind the volume is deleted",
            CLOUD,
        ),
    ),
    (
        Begins("external-attacher/"),
        known(
            "the CSI external-attacher of the driver",
            "it goes once the volume is detached from its node",
            "the volume may stay attached, and cannot be used elsewhere",
        ),
    ),
    (
        Begins("snapshot.storage.kubernetes.io/"),
        known(
            "the CSI snapshot controller",
            "it goes once no snapshot and no restore needs the object",
            CLOUD,
        ),
    ),
    (
        Begins("gateway-exists-finalizer.gateway.networking.k8s.io"),
        known("a Gateway API controller", "it goes once no Gateway uses the class", CLEAN_UP),
    ),
    (
        Begins("resources-finalizer.argocd.argoproj.io"),
        known(
            "Argo CD",
            "it goes once Argo CD has deleted the application's resources: look at the Application's status, and whether the application controller runs",
            "the application's resources stay",
        ),
    ),
    (
        Begins("post-delete-finalizer.argocd.argoproj.io"),
        known("Argo CD", "it goes once the application's PostDelete hooks have succeeded", CLEAN_UP),
    ),
    (
        Begins("pre-delete-finalizer.argocd.argoproj.io"),
        known("Argo CD", "it goes once the application's PreDelete hooks have succeeded", CLEAN_UP),
    ),
    (
        Is("finalizers.fluxcd.io"),
        known(
            "Flux",
            "it goes once Flux's controller of this kind has cleaned up: look whether it runs, and is not suspended",
            "what Flux applied for it stays",
        ),
    ),
    (
        Is("finalizer.managedresource.crossplane.io"),
        known(
            "the Crossplane provider of this kind",
            "it goes once the provider has deleted the resource outside: look at the conditions Synced and Ready",
            CLOUD,
        ),
    ),
    (
        Ends(".apiextensions.crossplane.io"),
        known("Crossplane", "it goes once what it is composed of is deleted", CLEAN_UP),
    ),
    (
        Is("finalizer.acme.cert-manager.io"),
        known(
            "cert-manager",
            "it goes once the ACME challenge is cleaned up: look whether cert-manager runs",
            "records or routes made for the challenge stay",
        ),
    ),
    (
        Is("acme.cert-manager.io/finalizer"),
        known(
            "cert-manager",
            "it goes once the ACME challenge is cleaned up: look whether cert-manager runs",
            "records or routes made for the challenge stay",
        ),
    ),
    (
        Is("pushsecret.externalsecrets.io/finalizer"),
        known(
            "External Secrets",
            "it goes once the secret is deleted from its store",
            "the secret stays in its store",
        ),
    ),
    (
        Is("karpenter.sh/termination"),
        known(
            "Karpenter",
            "it goes once the node is drained and its machine is ended: a PodDisruptionBudget may hold that up",
            CLOUD,
        ),
    ),
    (
        Is("karpenter.k8s.aws/termination"),
        known("Karpenter", "it goes once no NodeClaim uses the class", CLOUD),
    ),
    (
        Is("service.k8s.aws/resources"),
        known(
            "the AWS Load Balancer Controller",
            "it goes once the load balancer is deleted: look whether the controller runs, and has its AWS rights",
            CLOUD,
        ),
    ),
    (
        Is("ingress.k8s.aws/resources"),
        known(
            "the AWS Load Balancer Controller",
            "it goes once the load balancer is deleted: look whether the controller runs, and has its AWS rights",
            CLOUD,
        ),
    ),
    (
        Begins("group.ingress.k8s.aws/"),
        known(
            "the AWS Load Balancer Controller",
            "it goes once the load balancer is deleted: look whether the controller runs, and has its AWS rights",
            CLOUD,
        ),
    ),
    (
        Is("elbv2.k8s.aws/resources"),
        known(
            "the AWS Load Balancer Controller",
            "it goes once the targets are deregistered: look whether the controller runs, and has its AWS rights",
            CLOUD,
        ),
    ),
    (
        Ends(".services.k8s.aws"),
        known(
            "the AWS controller (ACK) of this service",
            "it goes once the resource is deleted at AWS",
            CLOUD,
        ),
    ),
    (
        Is("longhorn.io"),
        known("Longhorn", "it goes once Longhorn's manager has cleaned up: look whether it runs", CLEAN_UP),
    ),
    (
        Is("ceph.rook.io/disaster-protection"),
        known(
            "Rook",
            "it protects what a Ceph cluster needs to be recovered; Rook takes it off when the CephCluster is removed",
            "the Ceph cluster's data may be lost",
        ),
    ),
    (
        Ends(".ceph.rook.io"),
        known(
            "Rook",
            "it goes once Rook's operator has cleaned up, and nothing of Ceph uses it any more",
            CLEAN_UP,
        ),
    ),
    (
        Ends("velero.io/external-resources-finalizer"),
        known(
            "Velero",
            "it goes once Velero has deleted the files in the object store: look whether Velero runs",
            CLOUD,
        ),
    ),
    (
        Is("istio-finalizer.install.istio.io"),
        known(
            "Istio's operator",
            "it goes once the operator has removed Istio: look whether it runs",
            CLEAN_UP,
        ),
    ),
    (
        Is("strimzi.io/topic-operator"),
        known(
            "Strimzi's topic operator",
            "it goes once the topic is deleted in Kafka: look whether the topic operator runs",
            "the topic stays in Kafka",
        ),
    ),
    (
        Ends("cluster.x-k8s.io"),
        known("Cluster API", "it goes once the machines and their infrastructure are deleted", CLOUD),
    ),
    (
        Begins("chains.tekton.dev"),
        known(
            "Tekton Chains",
            "it goes once the run is signed: look whether Chains runs",
            "the run is not signed",
        ),
    ),
    (
        Begins("kubevirt.io/"),
        known(
            "KubeVirt",
            "it goes once the virtual machine has ended: look whether virt-controller runs",
            CLEAN_UP,
        ),
    ),
    (
        Is("foregroundDeleteVirtualMachine"),
        known(
            "KubeVirt",
            "it goes once the virtual machine has ended: look whether virt-handler runs on its node",
            CLEAN_UP,
        ),
    ),
    (
        Begins("controller.cattle.io/"),
        known(
            "Rancher",
            "it goes once Rancher has cleaned up; it stays where Rancher was removed",
            "what Rancher kept for it stays",
        ),
    ),
    (
        Is("finalizer.keda.sh"),
        known("KEDA", "it goes once KEDA has ended the scaling: look whether its operator runs", CLEAN_UP),
    ),
    (
        Is("kueue.x-k8s.io/resource-in-use"),
        known("Kueue", "it goes once no workload uses it: look whether Kueue runs", CLEAN_UP),
    ),
    (
        Is("networking.gke.io/neg-finalizer"),
        known(
            "GKE",
            "it goes once the network endpoint group is deleted: a backend service may still use it",
            CLOUD,
        ),
    ),
    (
        Is("serviceoperator.azure.com/finalizer"),
        known("Azure Service Operator", "it goes once the resource is deleted at Azure", CLOUD),
    ),
    (
        Is("cnrm.cloud.google.com/finalizer"),
        known("Config Connector", "it goes once the resource is deleted at Google Cloud", CLOUD),
    ),
    (
        Is("cnrm.cloud.google.com/deletion-defender"),
        known("Config Connector", "it goes once the deletion is known to be meant", CLOUD),
    ),
    (
        Is("operators.coreos.com/csv-cleanup"),
        known(
            "the Operator Lifecycle Manager",
            "it goes once what the operator needed cluster-wide is deleted",
            CLEAN_UP,
        ),
    ),
];

/// What is known of a finalizer.
pub(crate) fn find(finalizer: &str) -> Option<Known> {
    let fits = |name: &Name| match name {
        Is(text) => finalizer == *text,
        Begins(text) => finalizer.starts_with(text),
        Ends(text) => finalizer.ends_with(text),
    };
    KNOWN.iter().find(|(name, _)| fits(name)).map(|(_, known)| *known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn well_known_finalizers_have_their_owner() {
        for (finalizer, owner) in [
            ("kubernetes.io/pvc-protection", "Kubernetes (storage protection)"),
            ("resources-finalizer.argocd.argoproj.io/background", "Argo CD"),
            ("external-attacher/ebs-csi-aws-com", "the CSI external-attacher of the driver"),
            ("composite.apiextensions.crossplane.io", "Crossplane"),
            ("machine.cluster.x-k8s.io", "Cluster API"),
            ("restores.velero.io/external-resources-finalizer", "Velero"),
            ("finalizers.s3.services.k8s.aws", "the AWS controller (ACK) of this service"),
            ("cephcluster.ceph.rook.io", "Rook"),
        ] {
            assert_eq!(find(finalizer).unwrap().owner, owner, "{finalizer}");
        }
        for unknown in ["example.com/backup", "orphaned", "my-orphan", "x.longhorn.io/y"] {
            assert_eq!(find(unknown), None, "{unknown}");
        }
    }
}
