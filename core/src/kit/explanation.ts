/** Why a demand of a contract is made, and how one meets it. */
export interface Explanation {
  readonly why: string;
  readonly mend: string;
}

/** By a part of the demand's title; the first that fits counts. */
const explanations: readonly (readonly [RegExp, Explanation])[] = [
  [
    /refuses a key it does not know/,
    {
      why: "A misspelt key would be passed over, and the default be used where the operator asked for something else.",
      mend: 'Read the configuration with a schema: Configure fails with InvalidArgument, and Validate says "valid: false" with a note, for a key that is not known and for text that is no HCL; the message names the key.',
    },
  ],
  [
    /asks for a trust domain/,
    {
      why: "A request without it does not come from a host.",
      mend: "Fail with InvalidArgument when core_configuration is missing.",
    },
  ],
  [
    /makes .* keys and signs/,
    {
      why: "What the key manager signs is what every workload verifies: certificates and tokens of this key type would be refused.",
      mend: "data is a ready digest: sign it as it is, without hashing it again; ECDSA signatures are ASN.1 DER, pkix_data is the SubjectPublicKeyInfo in DER.",
    },
  ],
  [
    /KeyManager contract/,
    {
      why: "The host finds its authorities by key ids, and tells by the answers whether a key is still there.",
      mend: 'Answer as SPIRE\'s own key managers do: InvalidArgument for what is missing in a request, NotFound for a key that is not there, "no such key" with its id.',
    },
  ],
  [
    /WorkloadAttestor contract/,
    {
      why: "Selectors decide which identity a workload gets: one too many or too few is somebody else's.",
      mend: "Give each value once and without the plugin's name, the same for the same process; for a process that is gone fail with a status, or give none.",
    },
  ],
  [
    /NodeAttestor contract/,
    {
      why: "The answer decides whether a machine becomes an agent, and under which name.",
      mend: "Read every message of the stream with suspicion, fail with InvalidArgument or PermissionDenied, and send the attributes last.",
    },
  ],
  [
    /UpstreamAuthority contract/,
    {
      why: "The server signs with what it gets here, and refuses a chain that does not lead from its key to the roots.",
      mend: "Issue a CA certificate of the CSR's key and URI, leaf first in x509_ca_chain, with the roots that verify it.",
    },
  ],
  [
    /CredentialComposer contract/,
    {
      why: "The server issues with the attributes that come back, and refuses those of which no certificate or token can be made.",
      mend: "Return the attributes that were given, changed where they have to be, or none at all.",
    },
  ],
  [
    /DataStore contract|contract of/,
    {
      why: "The server keeps all it knows here, and so do its fellows on the same store.",
      mend: "Compare with proto/plugin/server/datastore/v1/datastore.proto, which says what each call promises.",
    },
  ],
];

const rest: Explanation = {
  why: "The host relies on what the contract of the plugin type says.",
  mend: "Compare with the comments of the type's .proto file and with the sdk's contract suite.",
};

export function explanationOf(title: string): Explanation {
  return explanations.find(([pattern]) => pattern.test(title))?.[1] ?? rest;
}
