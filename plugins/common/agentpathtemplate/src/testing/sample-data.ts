import type { TemplateRecord } from "../value.ts";

/** The data for which as-in-go.json was made. */
export const sampleData: TemplateRecord = {
  fields: {
    PluginName: "x509pop",
    Fingerprint: "0abc",
    Empty: "",
    Umlaut: "Zürich Straße",
    Spaced: "  two words ",
    Path: "/a/b.c/../d.txt",
    Subject: {
      fields: {
        Country: ["US"],
        Organization: ["SPIFFE", "Other Org"],
        SerialNumber: "",
        CommonName: "Node One",
      },
      text: "CN=Node One",
    },
    DNSNames: ["b.example.org", "a.example.org", "b.example.org"],
    None: [],
    URISanSelectors: new Map([
      ["zone", "z1"],
      ["area", "a/b"],
    ]),
    Count: 3,
    IsCA: true,
    Not: false,
  },
};
