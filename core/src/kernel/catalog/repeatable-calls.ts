import type { CallName } from "../pluginhost/stable-link.ts";

/** Whether a call may be made again when its plugin's process ended before the answer came, and why. */
interface Verdict {
  readonly again: boolean;
  readonly why: string;
}

const again = (why: string): Verdict => ({ again: true, why });
const never = (why: string): Verdict => ({ again: false, why });

const reads = again("it changes nothing");
const computes = again("it makes an answer of what it is given, and keeps nothing");
const signs = again("one signature more of the same message harms nobody");
const sets = again("what it sets is then set, once or twice");
const tells = again("who is told the same twice knows no more than who is told once");
const reopens = again("the stream begins with all there is");
const dialogue = never("both sides have a part in it that cannot be said again; who began it begins anew");
const createsKey = never("the second key would take the place of the first, which may be known already");
const creates = never("the second time it is there already, and the answer would say so");
const deletes = never("the second time it is gone already, and the answer would say so");
const overwrites = never("what others wrote in between would be lost");

const keyManager: Readonly<Record<string, Verdict>> = {
  GenerateKey: createsKey,
  GetPublicKey: reads,
  GetPublicKeys: reads,
  SignData: signs,
};
const signer: Readonly<Record<string, Verdict>> = {
  Sign: never("it is a stream: its holder opens the next, and sends again what was not answered"),
};

/** Every call to a plugin, by full name of the service. A call that is not here is not made again. */
export const verdicts: Readonly<Record<string, Readonly<Record<string, Verdict>>>> = {
  "spire.service.common.config.v1.Config": { Configure: sets, Validate: reads },

  "spire.plugin.server.keymanager.v1.KeyManager": keyManager,
  "finial.plugin.server.keymanager.v1.Signer": signer,
  "spire.plugin.server.nodeattestor.v1.NodeAttestor": { Attest: dialogue },
  "spire.plugin.server.noderesolver.v1.NodeResolver": { Resolve: reads },
  "spire.plugin.server.upstreamauthority.v1.UpstreamAuthority": {
    MintX509CAAndSubscribe: never(
      "authorities count, and may charge for, what they issue; the next rotation asks again",
    ),
    PublishJWTKeyAndSubscribe: sets,
    SubscribeToLocalBundle: reopens,
  },
  "spire.plugin.server.credentialcomposer.v1.CredentialComposer": {
    ComposeServerX509CA: computes,
    ComposeServerX509SVID: computes,
    ComposeAgentX509SVID: computes,
    ComposeWorkloadX509SVID: computes,
    ComposeWorkloadJWTSVID: computes,
  },
  "spire.plugin.server.notifier.v1.Notifier": { Notify: tells, NotifyAndAdvise: tells },
  "spire.plugin.server.bundlepublisher.v1.BundlePublisher": { PublishBundle: sets },
  "finial.plugin.server.datastore.v1.DataStore": {
    FetchBundle: reads,
    ListBundles: reads,
    CountBundles: reads,
    CreateBundle: creates,
    SetBundle: overwrites,
    UpdateBundle: overwrites,
    AppendBundle: again("it adds only what is missing"),
    DeleteBundle: deletes,
    PruneBundle: deletes,
    TaintX509Authority: never("what is tainted cannot be tainted, and the answer would say so"),
    RevokeX509Authority: deletes,
    TaintJwtAuthority: never("what is tainted cannot be tainted, and the answer would say so"),
    RevokeJwtAuthority: deletes,
    CreateEntries: creates,
    FetchEntries: reads,
    ListEntries: reads,
    CountEntries: reads,
    UpdateEntry: overwrites,
    DeleteEntry: deletes,
    PruneEntries: deletes,
    CreateNode: creates,
    FetchNode: reads,
    ListNodes: reads,
    CountNodes: reads,
    UpdateNode: never("a ban that came in between would be undone"),
    DeleteNode: deletes,
    PruneNodes: deletes,
    SetNodeSelectors: overwrites,
    GetNodeSelectors: reads,
    ListNodeSelectors: reads,
    CreateJoinToken: creates,
    FetchJoinToken: reads,
    TakeJoinToken: never("a token is given once, and the first time may have been that"),
    PruneJoinTokens: again("it says nothing of what it deleted"),
    CreateFederationRelationship: creates,
    FetchFederationRelationship: reads,
    ListFederationRelationships: reads,
    UpdateFederationRelationship: overwrites,
    DeleteFederationRelationship: deletes,
    SetCaJournal: never("a journal without an id would be there twice"),
    FetchCaJournal: reads,
    ListCaJournals: reads,
    DeleteCaJournal: deletes,
    WatchChanges: reopens,
  },

  "spire.plugin.agent.keymanager.v1.KeyManager": keyManager,
  "finial.plugin.agent.keymanager.v1.KeyExport": { ExportKey: reads },
  "finial.plugin.agent.keymanager.v1.Signer": signer,
  "spire.plugin.agent.nodeattestor.v1.NodeAttestor": { AidAttestation: dialogue },
  "spire.plugin.agent.workloadattestor.v1.WorkloadAttestor": { Attest: reads, AttestReference: reads },
  "spire.plugin.agent.svidstore.v1.SVIDStore": { PutX509SVID: sets, DeleteX509SVID: deletes },
};

/** Whether it may be asked again of another process when it is not known what became of it. */
export function mayRepeat({ service, method }: CallName): boolean {
  return verdicts[service]?.[method]?.again ?? false;
}
