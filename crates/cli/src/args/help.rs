//! What `--help` says below the options.

use rewitness_crds::Reason;
use rewitness_verdict::plan::{EXCESS, REFUSED, UNKNOWN};
use rewitness_verdict::why::REASONS;

pub(super) const REWITNESS: &str = "\
Examples:
  rewitness tail widgets                          follow the widgets of the context's namespace
  rewitness tail deploy,svc -A -o json            everywhere, as JSON lines
  rewitness tail widgets --hold demo -- ./clean   no widget goes before ./clean has succeeded
  rewitness unhold demo widgets -A                remove the finalizers that it left
  rewitness why project/web                       why is it still there, and what to do
  rewitness check                                 is all well with Rewitness here?
  rewitness run                                   follow the cluster's Cascades
  rewitness plan project web                      what would go with the project web
  rewitness pause project                         nothing is done by a Cascade for the time being

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

  cause    replay, change, retry (the attempt before failed), requeue (the command asked for it)
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
  Deleting a Cascade or setting it to Plan removes its finalizer from all parents, also from
  deletions under way. Narrowing its parents removes it from live parents only. Before you
  uninstall the operator, ask it to release everything, and wait until it says so:
    kubectl annotate crd cascades.rewitness.dev rewitness.dev/uninstall=$(date -u +%FT%TZ)
    kubectl get crd cascades.rewitness.dev -o yaml | grep rewitness.dev/released

Stopping:
  Ctrl-C or SIGTERM: nothing new begins, what runs has 30 s. A second one ends at once. What is held
  stays held, and the next start goes on with it.

Exit status: 0 done, 1 failed, 2 wrong use.";

/// clap does not know that only a hold by hand needs its types.
pub(super) const UNHOLD_USAGE: &str = "\
rewitness unhold [OPTIONS] NAME TYPE...
       rewitness unhold [OPTIONS] NAME TYPE/NAME
       rewitness unhold [OPTIONS] cascade/NAME [TYPE... | TYPE/NAME]";

pub(super) const UNHOLD: &str = "\
Examples:
  rewitness unhold demo widgets -A --dry-run      list the resources that are held
  rewitness unhold demo widgets -A                remove the finalizer from them
  rewitness unhold cascade/project projects       remove the finalizers of a Cascade that is gone
  rewitness unhold cascade/project projects/web --force
                                                  one parent, whatever its deletion waits for

The operator removes the finalizers of a Cascade when you delete the Cascade or set it to mode Plan. Use this
command where no operator runs. While a Cascade of that name enforces, it needs --force. Nothing is deleted:
the remaining dependents stay.

Exit status: 0 done, 1 failed, 2 wrong use.";

/// clap would write `<TYPE/NAME>...`.
pub(super) const WHY_USAGE: &str = "rewitness why [OPTIONS] TYPE/NAME | TYPE NAME";

pub(super) const WHY: &str = "\
Examples:
  rewitness why project/web                       why is it still there?
  rewitness why pvc data -n team-a                whose finalizer it is, and when it goes
  rewitness why namespace/team-a                  what is left in it
  rewitness why project/web --watch               follow it until it is gone
  rewitness why project/web -o json | jq -r '.next[].command'

Exit status: 0 answered (with --watch: gone), 1 not there or not readable, 2 wrong use.

More with --help.";

/// The words are those that verdicts are made of.
pub(super) fn why_long() -> String {
    format!("{WHY_LONG}{}\n{WHY_EXIT_STATUS}", listed("reason: what a finding is", REASONS))
}

/// Words with their meanings, below what they are for.
fn listed(what: &str, reasons: &[Reason]) -> String {
    let line = |reason: &Reason| format!("    {reason:<22} {}\n", reason.meaning());
    format!("  {what}\n{}", reasons.iter().map(line).collect::<String>())
}

const WHY_EXIT_STATUS: &str =
    "Exit status: 0 answered (with --watch: gone), 1 not there or not readable, 2 wrong use.";

const WHY_LONG: &str = "\
Examples:
  rewitness why project/web                       why is it still there?
  rewitness why pvc data -n team-a                whose finalizer it is, and when it goes
  rewitness why namespace/team-a                  what is left in it
  rewitness why project/web --watch               follow it until it is gone
  rewitness why project/web -o json | jq -r '.next[].command'

The answer:
  What keeps it, each with what it is made of: finalizers and whose they are; Cascades, the stage
  they are in, what is left and who keeps that; what is left in a namespace or of a definition;
  API services that do not answer. Then the next steps, as commands: the last ones are last
  resorts, with what is lost by them. Do one, and ask again. What you have no right to read is said
  to be unknown.

Output (-o):
  text   a tree, with colours on a terminal, in plain lines elsewhere
  json, yaml
         {\"apiVersion\":\"cli.rewitness.dev/v1alpha1\",\"kind\":\"Verdict\",
          \"resource\":{\"group\":…,\"kind\":…,\"namespace\":…,\"name\":…,\"uid\":…},
          \"state\":\"Terminating\",\"since\":…,\"summary\":…,
          \"findings\":[{\"weight\":…,\"reason\":…,\"message\":…,\"findings\":[…]}],
          \"next\":[{\"command\":…,\"effect\":…,\"caution\":…,\"rank\":…}]}
         A finding may also have resource, cascade, finalizers, count, examples, since (RFC 3339)
         and hash. Empty fields are left out, but for the outermost findings and next. Fields and
         words may be added, none change. With --watch: a document per change.

  state    NotFound, Live, Terminating, Unknown
  weight   blocks (does not end by itself), waits (does, as far as can be seen), unknown, note
  reason   one of the words below
  caution  only where there is something to think of first
  rank     act (undoes what is in the way), look (changes nothing), choice (if that is what you want),
           lastResort (something is lost by it)
";

/// clap does not know that a file takes the place of a name.
pub(super) const PLAN_USAGE: &str = "\
rewitness plan [OPTIONS] CASCADE [PARENT]
       rewitness plan [OPTIONS] -f FILE [PARENT]";

/// The words are those that the documents are made of.
pub(super) fn plan() -> String {
    let reasons = [
        ("refused: what keeps it from beginning or going on", REFUSED),
        ("excess: why it needs a confirmation", EXCESS),
        ("unknown: what is not known, or why", UNKNOWN),
    ];
    format!("{PLAN}{}\n{EXIT_STATUS}", reasons.map(|(what, words)| listed(what, words)).concat())
}

const EXIT_STATUS: &str = "Exit status: 0 done, 1 failed, 2 wrong use.";

const PLAN: &str = "\
Examples:
  rewitness plan -f cascade.yaml                  each parent of a Cascade that is not applied yet
  rewitness plan project                          each parent of one that is
  rewitness plan project web                      all that goes with the project web, by name
  rewitness plan project web -o json | jq -r .parents[0].hash

The list is of now; what refers to a parent when that is deleted goes with it. Flags of the operator
(--allow-protected-kinds) and the namespace that it runs in are not known here.

Output (-o):
  text   for people; at most 10 names of a kind and 30 parents without --all
  json, yaml
         {\"apiVersion\":\"cli.rewitness.dev/v1alpha1\",\"kind\":\"Plan\",\"cascade\":…,\"origin\":\"cluster\",
          \"mode\":\"Plan\",\"limits\":{\"maxDependents\":…,\"maxPerHour\":…,\"hourRoom\":…},
          \"refused\":[{\"reason\":…,\"message\":…}],\"notServed\":[…],\"unknown\":[{\"reason\":…,\"message\":…}],
          \"totals\":{\"parents\":…,\"deletes\":…,\"waits\":…,\"unconfirmed\":…,\"aboveHour\":false,\"complete\":true},
          \"parents\":[{\"namespace\":…,\"name\":…,\"uid\":…,\"selected\":true,\"deleting\":…,\"deletes\":…,
            \"waits\":…,\"complete\":true,\"hash\":…,\"excess\":[…],\"refused\":[…],\"unknown\":[…],
            \"stages\":[{\"name\":…,\"kinds\":[{\"group\":…,\"version\":…,\"kind\":…,\"action\":\"Delete\",\"count\":…,
            \"causes\":{\"Due\":…},\"unknown\":{…},\"dependents\":[{\"namespace\":…,\"name\":…,\"uid\":…,
            \"cause\":…,\"message\":…}]}]}]}]}
         dependents are there for a PARENT alone; namespace, deleting and a kind's unknown where they
         apply; hourRoom and aboveHour where they are known. Fields and words may be added, none
         change.

  cause    Due (would be deleted), AwaitsOthers, Protected, Terminating, Cascading, Finalizers
  complete whether all could be listed; if not, there may be more than is counted
  aboveHour
           whether all parents together have more to delete than is left of this hour
";

pub(super) const CONFIRM: &str = "\
Examples:
  rewitness confirm project projects/web          show the list, ask, confirm it
  rewitness confirm project spaces/web -n team-a --yes

Writes the annotation confirm.rewitness.dev/CASCADE with the hash of the list; who may patch the parent
may confirm. What comes to the list later has to be confirmed again. Where the operator's status names
another list than the one that you see, nothing is confirmed.

Output (-o), after the list and the question on stderr:
  text   a line
  json, yaml
         {\"apiVersion\":\"cli.rewitness.dev/v1alpha1\",\"kind\":\"Confirmation\",\"cascade\":…,\"namespace\":…,
          \"name\":…,\"uid\":…,\"hash\":…,\"deletes\":4,\"needed\":true,\"changed\":true}
         Fields may be added, none change.

Exit status: 0 confirmed, or no confirmation is needed; 1 failed, or the answer was no; 2 wrong use.";

pub(super) const PAUSE_ABOUT: &str = "Pause Cascades: nothing is done by them until `rewitness resume`";

pub(super) const PAUSE: &str = "\
Examples:
  rewitness pause project                         no more parents are held, no deletion begins or goes on
  rewitness pause project --deletions             parents are held as usual, deletions stand still
  rewitness pause --all                           all Cascades

Sets spec.paused, or with --deletions spec.holdDeletions; what is paused already stays as it is. A
parent that is deleted before it was held goes without its dependents, so --deletions is the safer.
It is in force once the condition Paused in the Cascade's status is True.

Output (-o):
  text   a line per Cascade
  json, yaml
         {\"apiVersion\":\"cli.rewitness.dev/v1alpha1\",\"kind\":\"Switch\",\"field\":\"paused\",\"value\":true,
          \"cascades\":[{\"name\":\"project\",\"changed\":true,\"paused\":true,\"holdDeletions\":false,\"held\":2}]}
         and \"error\" where one could not be changed. Fields may be added, none change.

Exit status: 0 done, 1 failed, 2 wrong use.";

pub(super) const RESUME_ABOUT: &str = "Resume Cascades that were paused";

pub(super) const RESUME: &str = "\
Examples:
  rewitness resume project                        undo `rewitness pause project`
  rewitness resume project --deletions            undo `rewitness pause project --deletions`
  rewitness resume --all                          all Cascades

Unsets spec.paused, or with --deletions spec.holdDeletions; each of the two alone. Deletions that
stood still go on at once.

Output (-o): as of `rewitness pause`.

Exit status: 0 done, 1 failed, 2 wrong use.";

pub(super) const RBAC: &str = "\
Examples:
  rewitness rbac -f cascade.yaml                  for a Cascade that is to be applied
  rewitness rbac --all | kubectl apply -f -       for all that there are
  rewitness rbac --all --check --as system:serviceaccount:rewitness-system:rewitness
  rewitness rbac --all --namespace-scope team-a   for `rewitness run --namespace-scope team-a`

Bind the ClusterRole to the operator's ServiceAccount; where a Cascade names the namespaces of its
parents, or the operator works in some alone, there is a Role in each of them besides. What every account may do is not in it: reading
what is served, asking for its own rights.

Output (-o):
  text, yaml   the roles; with --check -o text a line per right, with ✓ or ✗
  json         a v1 List of the roles
  with --check {\"apiVersion\":\"cli.rewitness.dev/v1alpha1\",\"kind\":\"RightsCheck\",\"user\":…,
               \"granted\":20,\"missing\":1,\"rights\":[{\"verb\":…,\"group\":…,\"resource\":…,\"granted\":true}]}
               A right may also have name and namespace. Fields may be added, none change.

Exit status: 0 done, 1 failed or a right is missing, 2 wrong use.";

pub(super) const COMPLETIONS: &str = "\
Examples:
  source <(rewitness completions bash)            in ~/.bashrc
  source <(rewitness completions zsh)             in ~/.zshrc, after compinit
  rewitness completions fish | source             in ~/.config/fish/config.fish

The script asks rewitness at each TAB, also for what is in the cluster: names of Cascades, namespaces,
types and objects. Without an answer within 2 s it offers what it knows by itself.

As a kubectl plugin it is completed by kubectl's own script, once there is a link to the program of
the name kubectl_complete-rewitness on PATH, beside kubectl-rewitness.

Exit status: 0 done, 1 failed, 2 wrong use.";

pub(super) const CHECK: &str = "\
Examples:
  rewitness check --pre                           before installing
  rewitness check                                 after that, and whenever in doubt
  rewitness check -o json | jq -r '.groups[].checks[].next[]?.command'

Exit status: 0 all is well, warnings and notes aside; 1 a check failed or could not be made; 2 wrong use.

More with --help.";

pub(super) const CHECK_LONG: &str = "\
Examples:
  rewitness check --pre                           before installing
  rewitness check                                 after that, and whenever in doubt
  rewitness check -o json | jq -r '.groups[].checks[].next[]?.command'

With --pre: whether the API server is new enough and serves what is used, whether you may apply the
definition of Cascade and the roles of `rewitness rbac`, and what is there of Rewitness already.
Without: the API server, the definition of Cascade, whether an operator is there, each Cascade, and
finalizers of ours that no rule owns. For these all kinds are listed that may be held, by metadata
alone: at most 100,000 objects of a kind, for at most two minutes.

Output (-o):
  text   a line per check, with the way out below it; a Cascade has one line, and one for each
         thing that is amiss; on a terminal ✓ ok, · note, ! warning, ? unknown, ✗ failed; elsewhere words
  json, yaml
         {\"apiVersion\":\"cli.rewitness.dev/v1alpha1\",\"kind\":\"Check\",\"pre\":false,\"result\":\"failed\",
          \"totals\":{\"ok\":21,\"note\":0,\"warning\":1,\"unknown\":0,\"failed\":2},
          \"groups\":[{\"id\":\"cascades\",\"title\":…,\"checks\":[{\"id\":\"kinds\",\"result\":\"failed\",
            \"message\":…,\"cascade\":\"project\",\"details\":[…],
            \"next\":[{\"command\":…,\"effect\":…,\"caution\":…,\"rank\":…}]}]}]}
         cascade, details, next and caution where they apply. Fields, words and checks may be
         added, none change.

  result   ok, note (good to know), warning, unknown (it could not be found out), failed; that of
           the whole is the gravest of them, a note being as good as ok

Exit status: 0 all is well, warnings and notes aside; 1 a check failed or could not be made; 2 wrong use.";
