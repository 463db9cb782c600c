//! What `--help` says below the options.

pub(super) const REWITNESS: &str = "\
Examples:
  rewitness tail widgets                          follow the widgets of the context's namespace
  rewitness tail deploy,svc -A -o json            everywhere, as JSON lines
  rewitness tail widgets --hold demo -- ./clean   no widget goes before ./clean has succeeded
  rewitness unhold demo widgets -A                let go what the line above still holds
  rewitness run                                   follow the cluster's Cascades

Exit status: 0 done, 1 failed, 2 wrong use.";

/// clap would write `[-- <CMD ARGS>...]`.
pub(super) const TAIL_USAGE: &str = "rewitness tail [OPTIONS] <TYPE>... [-- CMD ARGS...]";

pub(super) const TAIL: &str = "\
Examples:
  rewitness tail widgets                          replay, then follow
  rewitness tail widgets -A --until-replayed      everything that is there, then exit
  rewitness tail widgets -- ./reconcile           run ./reconcile for each delivery
  rewitness tail widgets --hold demo -- ./clean   keep deleted widgets until ./clean succeeded

More with --help.";

pub(super) const TAIL_LONG: &str = "\
Examples:
  rewitness tail widgets                          replay, then follow
  rewitness tail widgets,gadgets -n team-a        two types of one namespace
  rewitness tail widgets -A --until-replayed      everything that is there, then exit
  rewitness tail widgets -o json | jq .name       JSON lines
  rewitness tail widgets -- ./reconcile           run ./reconcile for each delivery
  rewitness tail widgets --hold demo -- ./clean   keep deleted widgets until ./clean succeeded

Output (-o):
  text   columns; with a heading and colours on a terminal only
  json   {\"cause\":\"replay\",\"state\":\"live\",\"attempt\":1,\"group\":\"example.com\",\"kind\":\"Widget\",
         \"namespace\":\"team-a\",\"name\":\"web\",\"uid\":\"…\",\"resourceVersion\":\"123\"}
         and, where they apply, \"deletionTimestamp\" (RFC 3339) and \"held\" (with --hold: whether the
         finalizer is on). No \"namespace\" for cluster-scoped resources. Fields may be added, none
         change.
  name   as `kubectl get -o name`: without the namespace

  cause    replay, change, retry (the try before failed), requeue (the command asked for it)
  state    live, deleting, gone (with --gone)

Commands (-- CMD ARGS):
  The delivery comes as JSON on stdin and in REWITNESS_CAUSE, _STATE, _ATTEMPT, _GROUP, _KIND,
  _NAMESPACE, _NAME, _UID and _DELETION_TIMESTAMP, which are empty where there is nothing to say.
  Exit status 0 is Done; 75 is \"not yet\": again in 10 s or when the resource changes; anything else,
  or --timeout, is an error: again with growing pauses of up to 5 minutes. The command runs without
  a shell, in a process group of its own, and what it prints goes to stderr.

Holding (--hold NAME):
  Puts the finalizer hold.rewitness.dev/NAME on each resource (it says how many and asks), and
  takes it off a deleted one once that deletion was answered with Done. Without a command a line
  that was printed is Done. What is still held when rewitness ends stays held, so that no deletion
  is missed; `rewitness unhold NAME TYPE` takes the finalizer off.

Stopping:
  Ctrl-C or SIGTERM: no new delivery starts, commands that run have 10 s. A second one ends at once.

Exit status: 0 done, 1 failed, 2 wrong use.";

pub(super) const RUN: &str = "\
Examples:
  rewitness run                                   follow all Cascades until Ctrl-C or SIGTERM
  rewitness run --once                            work off what is there, then exit
  rewitness run -l stage=canary                   only the Cascades with this label

More with --help.";

pub(super) const RUN_LONG: &str = "\
Examples:
  kubectl apply -f deploy/crds                    what a Cascade is; before the first start
  rewitness run                                   follow all Cascades until Ctrl-C or SIGTERM
  rewitness run --once                            work off what is there, then exit
  rewitness run --once --timeout 5m               … after five minutes at the latest
  rewitness run -l stage=canary                   only the Cascades with this label
  kubectl get casc -o wide                        what became of each

One operator at a time follows a Cascade.

Rights:
  For itself the operator needs get, list, watch and patch on cascades.rewitness.dev, patch on
  cascades.rewitness.dev/status, get, list, watch and patch on the definition
  customresourcedefinitions.apiextensions.k8s.io cascades.rewitness.dev, and create on
  events.events.k8s.io. What a Cascade needs on its kinds is in its condition Authorized, for as long
  as it is missing; no deletion begins before it was found to be there.

Confirming:
  A deletion above the limits waits. Its status names the hash of what would be deleted; who may
  patch the parent confirms it by
    kubectl annotate TYPE NAME confirm.rewitness.dev/CASCADE=HASH

Output of --once, a line per Cascade:
  cascade/project ready=True reason=Enforced parents=3 held=0 blocked=0

Leaving:
  Deleting a Cascade, narrowing its parents or setting it to Plan takes our finalizers off, also
  from deletions under way. Before the operator itself is uninstalled, ask it to let go of
  everything, and wait until it says so:
    kubectl annotate crd cascades.rewitness.dev rewitness.dev/uninstall=$(date -u +%FT%TZ)
    kubectl get crd cascades.rewitness.dev -o yaml | grep rewitness.dev/released

Stopping:
  Ctrl-C or SIGTERM: nothing new begins, what runs has 30 s. A second one ends at once. What is held
  stays held, and the next start goes on with it.

Exit status: 0 done, 1 failed, 2 wrong use.";

pub(super) const UNHOLD: &str = "\
Examples:
  rewitness unhold demo widgets -A --dry-run      what is held
  rewitness unhold demo widgets -A                let it go

Exit status: 0 done, 1 failed, 2 wrong use.";

pub(super) const COMPLETIONS: &str = "\
Examples:
  rewitness completions bash > /etc/bash_completion.d/rewitness
  rewitness completions zsh  > \"${fpath[1]}/_rewitness\"
  rewitness completions fish > ~/.config/fish/completions/rewitness.fish";
