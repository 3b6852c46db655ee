import { checkLength } from "../length.ts";
import type { Octets } from "../octets.ts";
import { Dict } from "../value.ts";
import { dict, text } from "./arguments.ts";
import { type Functions, takes } from "./template-function.ts";

/** Sprig's functions on URLs, which are Go's net/url. */
export const urlFunctions: Functions = {
  urlParse: takes(1, (value) => parsed(text(value))),
  urlJoin: takes(1, (parts) => joined(dict(parts))),
};

const parts =
  /^(?:(?<scheme>[A-Za-z][A-Za-z0-9+\-.]*):)?(?:(?<opaque>(?<=:)[^/?#][^?#]*)|(?:\/\/(?<authority>[^/?#]*))?(?<path>[^?#]*))(?:\?(?<query>[^#]*))?(?:#(?<fragment>[\s\S]*))?$/;

function parsed(url: Octets): Dict {
  const [beforeFragment = ""] = url.split("#", 1);
  if (/[\p{Cc}]/u.test(beforeFragment.replaceAll(/[\u0080-\u00ff]/g, "")))
    throw new TypeError("unable to parse url: invalid control character");
  const {
    scheme = "",
    opaque = "",
    authority,
    path = "",
    query = "",
    fragment = "",
  } = parts.exec(url)?.groups ?? {};
  if (scheme === "" && authority === undefined && /^[^/]*:/.test(path))
    throw new TypeError("unable to parse url: first path segment cannot contain colon");
  const at = authority?.lastIndexOf("@") ?? -1;
  const host = authority?.slice(at + 1) ?? "";
  // Go would also take some octets that are written with %; no host that a name is made of has any.
  if (!/^(?:\[[0-9A-Fa-f:.]*\]|[A-Za-z0-9\-._~!$&'()*+,;=<>"\u0080-\u00ff]*)(?::\d*)?$/.test(host))
    throw new TypeError("unable to parse url: invalid host");
  return new Dict(
    Object.entries({
      scheme: scheme.toLowerCase(),
      host,
      hostname: host.replace(/:\d*$/, "").replace(/^\[(.*)\]$/, "$1"),
      path: unescaped(path),
      query,
      opaque,
      fragment: unescaped(fragment),
      userinfo: at === -1 ? "" : (authority?.slice(0, at) ?? ""),
    }),
  );
}

function joined(url: Dict): Octets {
  const part = (key: string): Octets => {
    const value = url.get(key) ?? "";
    if (typeof value !== "string") throw new TypeError(`unable to parse ${key} key, must be of type string`);
    return value;
  };
  checkLength(
    [...url.keys()].reduce(
      (sum, key) => sum + (typeof url.get(key) === "string" ? part(key).length * 3 : 0),
      8,
    ),
  );
  const [scheme, host, userinfo, opaque, query, fragment] = [
    part("scheme"),
    part("host"),
    part("userinfo"),
    part("opaque"),
    part("query"),
    part("fragment"),
  ];
  const path = escaped(part("path"), /[^A-Za-z0-9\-_.~$&+,/:;=@!'()*[\]]/g);
  const authority = host === "" && userinfo === "" ? "" : `//${userinfo === "" ? "" : `${userinfo}@`}${host}`;
  const slash = path !== "" && !path.startsWith("/") && host !== "" ? "/" : "";
  const place = opaque === "" ? `${authority}${slash}${path}` : opaque;
  const prefix = scheme === "" ? "" : `${scheme}:`;
  const tail = fragment === "" ? "" : `#${escaped(fragment, /[^A-Za-z0-9\-_.~$&+,/:;=?@!()*]/g)}`;
  return `${prefix}${place}${query === "" ? "" : `?${query}`}${tail}`;
}

function unescaped(octets: Octets): Octets {
  if (/%(?![0-9a-fA-F]{2})/.test(octets)) throw new TypeError("unable to parse url: invalid URL escape");
  return octets.replaceAll(/%([0-9a-fA-F]{2})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 16)),
  );
}

function escaped(octets: Octets, special: RegExp): Octets {
  return octets.replaceAll(
    special,
    (octet) => `%${octet.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`,
  );
}
