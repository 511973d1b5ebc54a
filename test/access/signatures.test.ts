import { describe, expect, it } from "vitest";
import { parseSigningKeys, readQuery, signatureOf, signedText, verify, weakKeys } from "../../src/access/signatures.ts";
import vectors from "../fixtures/signatures.json" with { type: "json" };

const keys = parseSigningKeys(JSON.stringify(vectors.keys));
const NOW = Date.UTC(2026, 10, 20);
const TEXT = "GET\n/i/hero\nkid=main&prompt=a%20cat&seed=7";
const SIG = signatureOf(vectors.keys.main, TEXT);

/** Whether a URL's path and query are let through. */
function check(url: string, live = keys, now = NOW): void {
  const { pathname, search } = new URL(url, "https://example.com");
  verify(pathname, readQuery(search.slice(1)), live, now);
}

describe.each(vectors.signed)("$what", ({ url, text, kid }) => {
  const [path = "", query = ""] = url.split("?");

  it("is read as what was signed", () => {
    expect(signedText(path, readQuery(query))).toBe(text);
    expect(signatureOf(keys.get(kid) ?? "", text)).toBe(new URLSearchParams(query).get("sig"));
  });

  it("is let through, however the same is written", () => {
    check(url);
    check(`${path}?${query.split("&").toReversed().join("&")}`);
    check(`${path}?${query.replaceAll("%20", "+")}`);
    // As form encoders have it, and as a browser does: it escapes an apostrophe, and leaves brackets.
    check(`${path}?${String(new URLSearchParams(query))}`);
    check(`${path}?${query.replaceAll("'", "%27").replaceAll("%5B", "[")}`);
    check(`${path}?${query.replaceAll(/%[0-9A-F]{2}/g, (escape) => escape.toLowerCase())}`);
  });

  it("is refused with any character of it changed, and cut anywhere", () => {
    for (let i = path.length + 1; i < url.length; i++) {
      const other = url[i] === "A" ? "B" : "A";
      expect(() => check(url.slice(0, i) + other + url.slice(i + 1)), `${i}`).toThrow();
      expect(() => check(url.slice(0, i)), `${i}`).toThrow();
    }
  });
});

describe("55. an alteration is refused", () => {
  const good = `/i/hero?kid=main&prompt=a%20cat&seed=7&sig=${SIG}`;
  it("of this URL, which is good", () => check(good));

  const FORGED = "This URL is not signed, or was altered: its signature does not fit.";
  const cases: [what: string, url: string, message?: string][] = [
    ["another prompt", good.replace("cat", "dog")],
    ["another seed", good.replace("seed=7", "seed=8")],
    ["a parameter more", `${good}&size=4K`],
    ["a parameter of no meaning", `${good}&utm_source=mail`],
    ["an empty one", `${good}&`],
    ["a parameter less", good.replace("&seed=7", "")],
    ["a parameter twice", `${good}&seed=7`, "This URL says one thing twice."],
    ["a parameter twice, once encoded", `${good}&%73eed=8`, "This URL says one thing twice."],
    ["the signature twice", `${good}&sig=${SIG}`, "This URL says one thing twice."],
    ["another case of a name", good.replace("seed=", "Seed=")],
    ["another case of a value", good.replace("cat", "Cat")],
    ["another preset", good.replace("hero", "card")],
    ["the path encoded", good.replace("hero", "he%72o")],
    ["a slash more", good.replace("hero?", "hero/?")],
    ["an end added", `${good}&exp=1893456000`],
    ["another key's name", good.replace("kid=main", "kid=next")],
    ["no key's name", good.replace("kid=main&", "")],
    ["a key that is not live", good.replace("kid=main", "kid=old")],
    ["a key that objects have", good.replace("kid=main", "kid=constructor")],
    ["no signature", good.replace(/&sig=.*/, "")],
    ["an empty signature", good.replace(/sig=.*/, "sig=")],
    ["a cut signature", good.slice(0, -1)],
    ["a longer signature", `${good}A`],
    ["padding", `${good}=`],
    ["padding, encoded", `${good}%3D`],
    ["another alphabet", good.replace(SIG, Buffer.from(SIG, "base64url").toString("hex"))],
    // The last character has two bits that no byte is made of.
    ["the same bytes in other letters", good.slice(0, -1) + sameBytes(SIG)],
    ["another case of the signature", good.replace(SIG, swapCase(SIG))],
    ["a broken escape", good.replace("%20", "%"), "This URL is not encoded as URLs are."],
    ["what is not UTF-8", good.replace("%20", "%ff"), "This URL is not encoded as URLs are."],
    ["the signature of another method", good.replace(SIG, signatureOf(vectors.keys.main, TEXT.replace("GET", "PUT")))],
    [
      "the signature of the query alone",
      good.replace(SIG, signatureOf(vectors.keys.main, "kid=main&prompt=a%20cat&seed=7")),
    ],
  ];
  it.each(cases)("%s", (_, url, message = FORGED) => {
    expect(() => check(url)).toThrow(expect.objectContaining({ code: "forbidden", message }) as Error);
  });

  it("with a key that was retired, as with one that never was", () => {
    const without = parseSigningKeys(JSON.stringify({ next: vectors.keys.next }));
    expect(() => check(good, without)).toThrow(FORGED);
    expect(() => check(good, parseSigningKeys(undefined))).toThrow("SIGNING_KEYS is not set");
  });
});

describe("exp", () => {
  const until = (exp: string) => {
    const text = `GET\n/i/hero\nexp=${encodeURIComponent(exp)}&kid=main`;
    return `/i/hero?exp=${encodeURIComponent(exp)}&kid=main&sig=${signatureOf(vectors.keys.main, text)}`;
  };
  const at = NOW / 1000;

  it("ends a URL at that second", () => {
    check(until(String(at)), keys, NOW - 1);
    for (const now of [NOW, NOW + 1, NOW + 1e12])
      expect(() => check(until(String(at)), keys, now)).toThrow(
        expect.objectContaining({ code: "forbidden", message: "This URL has expired.", field: "exp" }) as Error,
      );
  });

  it.each(["", "soon", "-1", "1e9", "2027-01-31", "1893456000.5", " 1893456000", "9".repeat(400)])(
    "is no time: %s",
    (exp) => {
      expect(() => check(until(exp))).toThrow(
        expect.objectContaining({ code: "invalid_request", field: "exp" }) as Error,
      );
    },
  );

  it("tells nothing to who has no signature that fits", () => {
    expect(() => check(until(String(at - 1)).replace(/sig=./, "sig=_"))).toThrow("its signature does not fit");
  });
});

describe("the secret SIGNING_KEYS", () => {
  it("is names and secrets, of which those that can be guessed are known", () => {
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
  ])("%s is refused without a word of it", (text, message) => {
    let said = "";
    try {
      parseSigningKeys(text);
    } catch (error) {
      said = String(error);
    }
    expect(said).toContain(message);
    expect(said).not.toContain("planted");
  });
});

function sameBytes(signature: string): string {
  const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  const other = letters[letters.indexOf(signature.slice(-1)) ^ 1] ?? "";
  expect(Buffer.from(signature.slice(0, -1) + other, "base64url")).toEqual(Buffer.from(signature, "base64url"));
  return other;
}

function swapCase(text: string): string {
  return text.replaceAll(/[a-z]/gi, (letter) => (letter < "a" ? letter.toLowerCase() : letter.toUpperCase()));
}
