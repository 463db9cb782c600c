//! The command lines of kube-apiserver and kube-controller-manager.

use std::path::Path;

use crate::pki::Files;

/// What was asked of the API server by whom, with the body of every write.
pub(crate) const AUDIT_POLICY: &str = "\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - level: None
    users: [system:apiserver]
  - level: Request
    verbs: [create, update, patch, delete, deletecollection]
  - level: Metadata
";

/// What the command line of the API server depends on.
pub(crate) struct ApiServer<'a> {
    pub(crate) port: u16,
    pub(crate) etcd_port: u16,
    pub(crate) watch_cache: bool,
    pub(crate) files: &'a Files,
    pub(crate) audit_log: &'a Path,
    pub(crate) audit_policy: &'a Path,
    pub(crate) extra: &'a [String],
}

impl ApiServer<'_> {
    pub(crate) fn args(&self) -> Vec<String> {
        let file = |name: &str| self.files.path(name).display().to_string();
        let mut args = vec![
            format!("--etcd-servers=http://127.0.0.1:{}", self.etcd_port),
            // Compaction is the test's own decision.
            "--etcd-compaction-interval=0".into(),
            format!("--watch-cache={}", self.watch_cache),
            "--bind-address=127.0.0.1".into(),
            "--advertise-address=127.0.0.1".into(),
            format!("--secure-port={}", self.port),
            // An address on loopback is refused in the endpoints of the service "kubernetes", which nobody
            // uses here.
            "--endpoint-reconciler-type=none".into(),
            "--service-cluster-ip-range=10.0.0.0/24".into(),
            format!("--cert-dir={}", self.files.dir().display()),
            format!("--tls-cert-file={}", file("apiserver.crt")),
            format!("--tls-private-key-file={}", file("apiserver.key")),
            format!("--client-ca-file={}", file("ca.crt")),
            "--service-account-issuer=https://kubernetes.default.svc".into(),
            format!("--service-account-key-file={}", file("accounts.pub")),
            format!("--service-account-signing-key-file={}", file("accounts.key")),
            "--authorization-mode=RBAC".into(),
            // Pods can be created in a namespace without ServiceAccounts; nothing runs them.
            "--disable-admission-plugins=ServiceAccount".into(),
            format!("--audit-policy-file={}", self.audit_policy.display()),
            format!("--audit-log-path={}", self.audit_log.display()),
            // Megabytes. The default of 100 would rotate the log away from under `audit()`.
            "--audit-log-maxsize=100000".into(),
            "--profiling=false".into(),
        ];
        args.extend_from_slice(self.extra);
        args
    }
}

/// Garbage collection, the deletion of namespaces and their default ServiceAccounts: what an API server alone
/// lacks.
pub(crate) fn controller_manager_args(kubeconfig: &Path, files: &Files) -> Vec<String> {
    vec![
        format!("--kubeconfig={}", kubeconfig.display()),
        "--controllers=garbage-collector-controller,namespace-controller,serviceaccount-controller".into(),
        format!("--service-account-private-key-file={}", files.path("accounts.key").display()),
        format!("--root-ca-file={}", files.path("ca.crt").display()),
        "--kube-api-qps=200".into(),
        "--kube-api-burst=400".into(),
        "--leader-elect=false".into(),
        "--secure-port=0".into(),
        "--profiling=false".into(),
    ]
}
