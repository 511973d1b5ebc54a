import { describe, expect, it } from "vitest";
import {
  parseSigningKeys,
  readQuery,
  signatureOf,
  signedText,
  verifySignature,
  weakKeys,
} from "../../src/access/signatures.ts";
import vectors from "../fixtures/signatures.json" with { type: "json" };

const keys = parseSigningKeys(JSON.stringify(vectors.keys));
const NOW = Date.UTC(2026, 10, 20);
const TEXT = "GET\n/i/hero\nkid=main&prompt=a%20cat&seed=7";
const SIG = signatureOf(vectors.keys.main, TEXT);

/** Verify a URL's path and query. */
function verifyUrl(url: string, live = keys, now = NOW): void {
  const { pathname, search } = new URL(url, "https://example.com");
  verifySignature(pathname, readQuery(search.slice(1)), live, now);
}

describe.each(vectors.signed)("$what", ({ url, text, kid }) => {
  const [path = "", query = ""] = url.split("?");

  it("the URL yields the signed text", () => {
    expect(signedText(path, readQuery(query))).toBe(text);
    expect(signatureOf(keys.get(kid) ?? "", text)).toBe(new URLSearchParams(query).get("sig"));
  });

  it("the URL is accepted in every equivalent spelling", () => {
    verifyUrl(url);
    verifyUrl(`${path}?${query.split("&").toReversed().join("&")}`);
    verifyUrl(`${path}?${query.replaceAll("%20", "+")}`);
    // As form encoders write it, and as browsers do: they escape an apostrophe, and keep brackets.
    verifyUrl(`${path}?${String(new URLSearchParams(query))}`);
    verifyUrl(`${path}?${query.replaceAll("'", "%27").replaceAll("%5B", "[")}`);
    verifyUrl(`${path}?${query.replaceAll(/%[0-9A-F]{2}/g, (escape) => escape.toLowerCase())}`);
  });

  it("the URL is refused if any character changes, and if it is cut anywhere", () => {
    for (let i = path.length + 1; i < url.length; i++) {
      const other = url[i] === "A" ? "B" : "A";
      expect(() => verifyUrl(url.slice(0, i) + other + url.slice(i + 1)), `${i}`).toThrow();
      expect(() => verifyUrl(url.slice(0, i)), `${i}`).toThrow();
    }
  });
});

describe("an altered URL [fault 55]", () => {
  const validUrl = `/i/hero?kid=main&prompt=a%20cat&seed=7&sig=${SIG}`;
  it("the unaltered URL is accepted", () => verifyUrl(validUrl));

  const FORGED = "This URL is not signed, or was altered: its signature does not fit.";
  const cases: [what: string, url: string, message?: string][] = [
    ["another prompt", validUrl.replace("cat", "dog")],
    ["another seed", validUrl.replace("seed=7", "seed=8")],
    ["a parameter more", `${validUrl}&size=4K`],
    ["a parameter of no meaning", `${validUrl}&utm_source=mail`],
    ["an empty one", `${validUrl}&`],
    ["a parameter less", validUrl.replace("&seed=7", "")],
    ["a parameter twice", `${validUrl}&seed=7`, "This URL says one thing twice."],
    ["a parameter twice, once encoded", `${validUrl}&%73eed=8`, "This URL says one thing twice."],
    ["the signature twice", `${validUrl}&sig=${SIG}`, "This URL says one thing twice."],
    ["another case of a name", validUrl.replace("seed=", "Seed=")],
    ["another case of a value", validUrl.replace("cat", "Cat")],
    ["another preset", validUrl.replace("hero", "card")],
    ["the path encoded", validUrl.replace("hero", "he%72o")],
    ["a slash more", validUrl.replace("hero?", "hero/?")],
    ["an end added", `${validUrl}&exp=1893456000`],
    ["another key's name", validUrl.replace("kid=main", "kid=next")],
    ["no key's name", validUrl.replace("kid=main&", "")],
    ["a key that is not live", validUrl.replace("kid=main", "kid=old")],
    ["a key that objects have", validUrl.replace("kid=main", "kid=constructor")],
    ["no signature", validUrl.replace(/&sig=.*/, "")],
    ["an empty signature", validUrl.replace(/sig=.*/, "sig=")],
    ["a cut signature", validUrl.slice(0, -1)],
    ["a longer signature", `${validUrl}A`],
    ["padding", `${validUrl}=`],
    ["padding, encoded", `${validUrl}%3D`],
    ["another alphabet", validUrl.replace(SIG, Buffer.from(SIG, "base64url").toString("hex"))],
    // The last character has two bits that belong to no byte.
    ["the same bytes in other letters", validUrl.slice(0, -1) + otherTextOfSameBytes(SIG)],
    ["another case of the signature", validUrl.replace(SIG, swapCase(SIG))],
    ["a broken escape", validUrl.replace("%20", "%"), "This URL is not encoded as URLs are."],
    ["what is not UTF-8", validUrl.replace("%20", "%ff"), "This URL is not encoded as URLs are."],
    [
      "the signature of another method",
      validUrl.replace(SIG, signatureOf(vectors.keys.main, TEXT.replace("GET", "PUT"))),
    ],
    [
      "the signature of the query alone",
      validUrl.replace(SIG, signatureOf(vectors.keys.main, "kid=main&prompt=a%20cat&seed=7")),
    ],
  ];
  it.each(cases)("a URL is refused for %s [fault 55]", (_, url, message = FORGED) => {
    expect(() => verifyUrl(url)).toThrow(expect.objectContaining({ code: "forbidden", message }) as Error);
  });

  it("a retired signing key is refused like an unknown one", () => {
    const without = parseSigningKeys(JSON.stringify({ next: vectors.keys.next }));
    expect(() => verifyUrl(validUrl, without)).toThrow(FORGED);
    expect(() => verifyUrl(validUrl, parseSigningKeys(undefined))).toThrow("SIGNING_KEYS is not set");
  });
});

describe("exp", () => {
  const urlExpiringAt = (exp: string) => {
    const text = `GET\n/i/hero\nexp=${encodeURIComponent(exp)}&kid=main`;
    return `/i/hero?exp=${encodeURIComponent(exp)}&kid=main&sig=${signatureOf(vectors.keys.main, text)}`;
  };
  const at = NOW / 1000;

  it("a URL expires at the second of exp", () => {
    verifyUrl(urlExpiringAt(String(at)), keys, NOW - 1);
    for (const now of [NOW, NOW + 1, NOW + 1e12])
      expect(() => verifyUrl(urlExpiringAt(String(at)), keys, now)).toThrow(
        expect.objectContaining({ code: "forbidden", message: "This URL has expired.", field: "exp" }) as Error,
      );
  });

  it.each(["", "soon", "-1", "1e9", "2027-01-31", "1893456000.5", " 1893456000", "9".repeat(400)])(
    "an exp that is no time is refused: %s",
    (exp) => {
      expect(() => verifyUrl(urlExpiringAt(exp))).toThrow(
        expect.objectContaining({ code: "invalid_request", field: "exp" }) as Error,
      );
    },
  );

  it("an expired URL with an invalid signature gets the message of an invalid signature", () => {
    expect(() => verifyUrl(urlExpiringAt(String(at - 1)).replace(/sig=./, "sig=_"))).toThrow(
      "its signature does not fit",
    );
  });
});

describe("the secret SIGNING_KEYS", () => {
  it("SIGNING_KEYS is parsed into names and secrets, and weakKeys finds the short secrets", () => {
    expect([...parseSigningKeys('{"a-1":"x","b_2":"12345678901234567890123456789012"}')]).toEqual([
      ["a-1", "x"],
      ["b_2", "12345678901234567890123456789012"],
    ]);
    expect(weakKeys(parseSigningKeys('{"a-1":"x","b_2":"12345678901234567890123456789012"}'))).toEqual(["a-1"]);
    expect(parseSigningKeys(undefined).size).toBe(0);
  });

  it.each([
    ["planted", 'SIGNING_KEYS must be JSON of names and secrets, as in {"main":"…"}'],
    ['["planted"]', "SIGNING_KEYS must be JSON"],
    ['"planted"', "SIGNING_KEYS must be JSON"],
    ['{"":"planted"}', "SIGNING_KEYS: a name must be"],
    ['{"a b":"planted"}', "SIGNING_KEYS: a name must be"],
    ['{"main":["planted"]}', "SIGNING_KEYS.main must be a text, the secret"],
    ['{"main":""}', "SIGNING_KEYS.main must be a text, the secret"],
  ])("an invalid SIGNING_KEYS is refused without any part of it in the message: %s", (text, message) => {
    let thrown = "";
    try {
      parseSigningKeys(text);
    } catch (error) {
      thrown = String(error);
    }
    expect(thrown).toContain(message);
    expect(thrown).not.toContain("planted");
  });
});

function otherTextOfSameBytes(signature: string): string {
  const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  const other = letters[letters.indexOf(signature.slice(-1)) ^ 1] ?? "";
  expect(Buffer.from(signature.slice(0, -1) + other, "base64url")).toEqual(Buffer.from(signature, "base64url"));
  return other;
}

function swapCase(text: string): string {
  return text.replaceAll(/[a-z]/gi, (letter) => (letter < "a" ? letter.toLowerCase() : letter.toUpperCase()));
}
