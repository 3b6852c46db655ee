// biome-ignore-all lint/suspicious/noTemplateCurlyInString: interpolation is part of the language.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { Code, StatusError } from "@finial/sdk";
import { parseHcl } from "@finial/sdk/hcl";
import fc from "fast-check";
import { mayHoldReferences, resolveConfigSecrets } from "./config-secrets.ts";
import { type SecretReference, titleOf } from "./reference.ts";

const secrets: Readonly<Record<string, string>> = {
  "secret+file:/a": "alpha",
  "secret+env:B": 'a "quoted" \\ $ ${x}\n\tline\0',
  "secret+exec:/c": "secret+file:/a",
};

const asked: string[] = [];
const resolver = {
  resolve: async (reference: SecretReference) => {
    const title = titleOf(reference);
    asked.push(title);
    const secret = secrets[title];
    if (secret !== undefined) return secret;
    throw new StatusError(Code.FailedPrecondition, "SECRET_UNAVAILABLE", `${title}: there is none`);
  },
};

const resolve = (text: string) => resolveConfigSecrets(text, resolver);

describe("resolveConfigSecrets()", () => {
  it("puts secrets in the place of references, and leaves all else as it is written", async () => {
    const cases: readonly (readonly [written: string, resolved: string])[] = [
      ['a = "secret+file:/a"', 'a = "alpha"'],
      ['\ufeffa="secret+file:/a"\r\nb = 1\r\n', '\ufeffa="alpha"\r\nb = 1\r\n'],
      [
        '# "secret+file:/none"\na { b = ["x", "secret+file:/a", { c = "secret+file:/a" }] } # c\n',
        '# "secret+file:/none"\na { b = ["x", "alpha", { c = "alpha" }] } # c\n',
      ],
      ['x "secret+file:/a" { y = "secret+file:/a" }', 'x "secret+file:/a" { y = "alpha" }'],
      ['{"a": {"b": "secret+file:/a"}, "c": ["secret+file:/a"]}', '{"a": {"b": "alpha"}, "c": ["alpha"]}'],
      ['a = "xsecret+file:/a"', 'a = "xsecret+file:/a"'],
      ["a = <<EOF\nsecret+file:/a\nEOF\n", "a = <<EOF\nsecret+file:/a\nEOF\n"],
      ['a = "secret+exec:/c x y"', 'a = "secret+file:/a"'],
    ];
    for (const [written, resolved] of cases) assert.equal((await resolve(written)).text, resolved);
  });

  it("writes any secret so that it is read as what it is", async () => {
    for (const written of ['a = "secret+env:B"', '{"a": "secret+env:B"}']) {
      const { text, secrets: found } = await resolve(written);
      assert.deepEqual(found, [secrets["secret+env:B"]]);
      assert.equal(text.includes("\n"), false);
      const value = parseHcl(text).items[0]?.value;
      assert.equal(value?.kind === "string" && value.value, secrets["secret+env:B"]);
    }
    assert.deepEqual(JSON.parse((await resolve('{"a": "secret+env:B"}')).text), {
      a: secrets["secret+env:B"],
    });
  });

  it("writes any text at all so, and moves nothing else", async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: "binary" }), fc.boolean(), async (secret, json) => {
        const anything = { resolve: async () => secret };
        const written = json ? '{"a": ["secret+env:B", 1], "c": "d"}' : 'a = ["secret+env:B", 1] c = "d"';
        const { text, toWritten } = await resolveConfigSecrets(written, anything);
        const [a, c] = parseHcl(text).items;
        const [given] = a?.value.kind === "list" ? a.value.items : [];
        assert.equal(given?.kind === "string" && given.value, secret);
        if (json) assert.equal(JSON.parse(text).a[0], secret);
        // What stands behind it is found again where it was written.
        const { line, column } = toWritten(c?.value.position ?? { line: 0, column: 0 });
        assert.deepEqual([line, written.slice(column - 1, column + 2)], [1, '"d"']);
      }),
    );
  });

  it("does not even parse a text without references", async () => {
    for (const text of ["", "{{{ not: [HCL", 'a = "secret:file:/a"', "secret+file:/a"]) {
      assert.equal(mayHoldReferences(text), false);
      assert.deepEqual((await resolve(text)).text, text);
    }
  });

  it("leaves every sample configuration alone", async () => {
    const conf = join(import.meta.dirname, "..", "..", "..", "..", "conf");
    for (const name of [
      "server/server.conf",
      "server/server_full.conf",
      "agent/agent.conf",
      "agent/agent_full.conf",
    ]) {
      const text = readFileSync(join(conf, name), "utf8");
      asked.length = 0;
      assert.equal((await resolve(text)).text, text);
      assert.deepEqual(asked, []);
    }
  });

  it("names the place of each reference that does not resolve", async () => {
    await assert.rejects(
      resolve('a = "secret+file:/a"\nb { c = "secret+file:/none" }\nd = ["secret+flie:/a"]\n'),
      {
        code: 9,
        reason: "SECRET_UNAVAILABLE",
        message: [
          "plugin_data:2:9: secret+file:/none: there is none",
          "plugin_data:3:6: secret+flie: is no way to a secret; there are secret+file:, secret+env: and secret+exec:",
        ].join("\n"),
      },
    );
    await assert.rejects(resolve('a = "secret+file:/a" }'), {
      code: 3,
      reason: "HCL_SYNTAX",
      message: /^plugin_data:1:22: /,
    });
  });

  it("knows where things stood before", async () => {
    // a = "secret+file:/a" b = "secret+file:/a" c = 1
    const { toWritten, text } = await resolve(
      'x = 1\na = "secret+file:/a" b = "secret+file:/a" c = 1\ny = 2',
    );
    assert.equal(text, 'x = 1\na = "alpha" b = "alpha" c = 1\ny = 2');
    for (const [line, column, written] of [
      [1, 5, 5],
      [2, 1, 1],
      [2, 5, 5],
      [2, 11, 5],
      [2, 12, 21],
      [2, 13, 22],
      [2, 17, 26],
      [2, 25, 43],
      [2, 29, 47],
      [3, 5, 5],
    ] as const)
      assert.deepEqual(toWritten({ line, column }), { line, column: written });
  });

  it("ends with its signal", async () => {
    const stop = new AbortController();
    stop.abort();
    await assert.rejects(resolveConfigSecrets('a = "secret+file:/a"', resolver, { signal: stop.signal }), {
      name: "AbortError",
    });
  });
});
