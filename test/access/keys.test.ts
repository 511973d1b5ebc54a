import { describe, expect, it } from "vitest";
import type { ImageRequest } from "../../src/image/request.ts";
import { authenticate } from "../../src/access/authenticate.ts";
import {
  invalidReason,
  parseTimestamp,
  keyIdOf,
  type KeyRecord,
  type KeyTerms,
  newKey,
} from "../../src/access/keys.ts";
import { checkPermissions, type PermissionContext } from "../../src/access/permissions.ts";

const NOW = Date.UTC(2026, 10, 20);

describe("a new key", () => {
  it.each([
    ["secret", /^ek_[0-9a-f]{16}_[0-9a-f]{48}$/],
    ["publishable", /^pk_[0-9a-f]{16}_[0-9a-f]{48}$/],
  ] as const)("a new %s key has its documented form, and its record does not contain the key", async (kind, form) => {
    const { key, record } = await newKey({ kind, name: "one" }, NOW);
    expect(key).toMatch(form);
    expect(keyIdOf(key)).toBe(record.id);
    expect(record).toMatchObject({ kind, name: "one", createdAt: "2026-11-20T00:00:00.000Z" });
    expect(record.hash).toMatch(/^[0-9a-f]{64}$/);
    expect(JSON.stringify(record)).not.toContain(key.split("_")[2]);
  });

  it("every new key and id is different", async () => {
    const keys = await Promise.all(Array.from({ length: 50 }, () => newKey({ kind: "secret" }, NOW)));
    expect(new Set(keys.map(({ key }) => key.split("_")[2])).size).toBe(50);
    expect(new Set(keys.map(({ record }) => record.id)).size).toBe(50);
  });
});

it.each([
  ["2027-01-31T12:00:00Z", Date.UTC(2027, 0, 31, 12)],
  ["2027-01-31T12:00+02:00", Date.UTC(2027, 0, 31, 10)],
  ["2028-02-29T00:00:00.5Z", Date.UTC(2028, 1, 29) + 500],
  ["2027-02-29T00:00:00Z", undefined],
  ["2027-02-31T12:00:00Z", undefined],
  ["2027-04-31T23:00-05:00", undefined],
  ["2027-13-01T00:00:00Z", undefined],
  ["2027-01-31T25:00:00Z", undefined],
  ["2027-01-31T12:00:00", undefined],
  ["2027-01-31", undefined],
  ["tomorrow", undefined],
])("parseTimestamp reads %s as %j", (text, at) => {
  expect(parseTimestamp(text)).toBe(at);
});

it("keyIdOf returns no id for a text that is no key", async () => {
  const { key } = await newKey({ kind: "secret" }, NOW);
  const wrong = [
    "",
    "ek_",
    `${key}0`,
    key.slice(1),
    key.slice(0, -1),
    key.toUpperCase(),
    `sk${key.slice(2)}`,
    ` ${key}`,
    `${key}\n`,
  ];
  expect(wrong.filter((text) => keyIdOf(text) !== undefined)).toEqual([]);
});

it("a key is invalid once it is revoked or has expired", async () => {
  const { record } = await newKey({ kind: "secret", expiresAt: new Date(NOW + 1_000).toISOString() }, NOW);
  expect(invalidReason(record, NOW + 999)).toBe(undefined);
  expect(invalidReason(record, NOW + 1_000)).toBe("expired");
  expect(invalidReason({ ...record, revokedAt: record.createdAt }, NOW)).toBe("revoked");
});

describe("authenticate", () => {
  const authenticateKey = async (
    terms: KeyTerms,
    change: Partial<KeyRecord> = {},
    toHeader = (key: string) => `Bearer ${key}`,
  ) => {
    const { key, record } = await newKey(terms, NOW);
    const find = (id: string) => Promise.resolve(id === record.id ? { ...record, ...change } : null);
    return authenticate(toHeader(key), { adminToken: "the operator's", find, now: NOW });
  };

  it("a key authenticates with Bearer or without", async () => {
    for (const toHeader of [(key: string) => `Bearer ${key}`, (key: string) => key])
      expect(await authenticateKey({ kind: "publishable" }, {}, toHeader)).toMatchObject({
        kind: "publishable",
        key: { kind: "publishable" },
      });
  });

  it("the admin token authenticates without any store", async () => {
    const find = () => Promise.reject(new Error("KV is down"));
    const admin = await authenticate("Bearer the operator's", { adminToken: "the operator's", find, now: NOW });
    expect(admin).toEqual({ id: "admin", kind: "admin" });
  });

  it("a key with another hash or kind, or a revoked or expired one, is unauthorized", async () => {
    const terms = { kind: "secret" } as const;
    const refused = { code: "unauthorized", message: expect.stringContaining("missing or not valid") as string };
    await expect(authenticateKey(terms, { hash: "0".repeat(64) })).rejects.toMatchObject(refused);
    await expect(authenticateKey(terms, { revokedAt: "2026-11-19T00:00:00Z" })).rejects.toMatchObject(refused);
    await expect(authenticateKey(terms, { expiresAt: "2026-11-20T00:00:00Z" })).rejects.toMatchObject(refused);
    await expect(authenticateKey(terms, {}, (key) => key.replace("ek_", "pk_"))).rejects.toMatchObject(refused);
  });
});

describe("the restrictions of a key", () => {
  const baseRequest = { model: "gpt-image-2", prompt: "a cat", n: 1, references: [] };
  const permissionCheck =
    (terms: Partial<KeyTerms>, request: Partial<ImageRequest> = {}, context: Partial<PermissionContext> = {}) =>
    () => {
      const key: KeyRecord = { id: "1", hash: "", createdAt: "", kind: "secret", ...terms };
      checkPermissions(key, { ...baseRequest, ...request }, { model: { name: "gpt-image-2" }, ...context });
    };
  const forbiddenError = (field: string, message: string) =>
    expect.objectContaining({ code: "forbidden", field, message }) as Error;

  it("a key without restrictions allows every request", () => {
    const all = {
      n: 10,
      size: "4K",
      references: [{ url: "https://example.com/a.png" }],
      providerOptions: { v: { a: 1 } },
    } as const;
    expect(permissionCheck({}, { ...all, references: [...all.references] })).not.toThrow();
  });

  it("a key allows its models at any vendor, or only at the vendor that it names", () => {
    const refused = (models: string[], allowed: string) =>
      [permissionCheck({ models }), forbiddenError("model", `model must be ${allowed} with this key.`)] as const;
    expect(permissionCheck({ models: ["gpt-image-2"] })).not.toThrow();
    expect(
      permissionCheck({ models: ["gpt-image-2"] }, {}, { model: { name: "gpt-image-2", vendor: "v" } }),
    ).not.toThrow();
    expect(
      permissionCheck({ models: ["v/gpt-image-2"] }, {}, { model: { name: "gpt-image-2", vendor: "v" } }),
    ).not.toThrow();
    for (const [run, error] of [
      refused(["a"], "a"),
      refused(["a", "b"], "one of a, b"),
      refused(["v/gpt-image-2"], "v/gpt-image-2"),
    ])
      expect(run).toThrow(error);
    expect(permissionCheck({ models: ["v/gpt-image-2"] }, {}, { model: { name: "gpt-image-2", vendor: "w" } })).toThrow(
      "v/gpt-image-2",
    );
  });

  it("a key allows its presets, and a listed preset decides the model", () => {
    expect(permissionCheck({ presets: ["hero"] }, {}, { preset: "hero" })).not.toThrow();
    expect(permissionCheck({ presets: ["hero"], models: ["other"] }, {}, { preset: "hero" })).not.toThrow();
    for (const preset of [undefined, "other"])
      expect(permissionCheck({ presets: ["hero"] }, {}, { preset })).toThrow(
        forbiddenError("preset", "preset must be hero with this key."),
      );
    expect(permissionCheck({ presets: ["hero"], models: ["other"] }, {}, { preset: "another" })).toThrow(
      "model must be other",
    );
    expect(permissionCheck({ presets: ["hero"], models: ["gpt-image-2"] })).not.toThrow();
  });

  const pixels = { "1K": { "1:1": "1024x1024", "3:2": "1536x1024" } };
  it.each([
    [{ size: "1K" }, undefined],
    [{ size: "512" }, undefined],
    [{ width: 1024, height: 1024 }, undefined],
    [{ width: 1536, height: 1024 }, pixels],
    [{ width: 2048, height: 512 }, undefined],
  ] as const)("a key allows %o up to its size", (request, table) => {
    expect(permissionCheck({ size: "1K" }, request, { pixels: table })).not.toThrow();
  });

  it.each([
    [{ size: "2K" }, "size", "size may be 1K at most"],
    [{ size: "4K" }, "size", "size may be 1K at most"],
    [{ width: 1025, height: 1024 }, "width", "1048576 pixels at most of"],
    [{ width: 1536, height: 1024 }, "width", "1048576 pixels at most of"],
    [{ size: "1K", width: 4096, height: 4096 }, "width", "1048576 pixels at most of"],
    [{ width: 99_999_999 }, "width", "1048576 pixels at most of"],
  ] as const)("a key forbids %o beyond its size", (request, field, message) => {
    expect(permissionCheck({ size: "1K" }, request)).toThrow(
      forbiddenError(field, expect.stringContaining(message) as string),
    );
  });

  it("a publishable key allows one picture from text only", () => {
    const page = { kind: "publishable" } as const;
    const references = [{ url: "https://example.com/a.png" }];
    expect(permissionCheck(page)).not.toThrow();
    expect(permissionCheck(page, { n: 2 })).toThrow(forbiddenError("n", "n must be 1 with a publishable key."));
    expect(permissionCheck(page, { references })).toThrow("references cannot be sent with a publishable key");
    expect(permissionCheck(page, { mask: { url: "https://example.com/a.png" } })).toThrow("references cannot be sent");
    expect(permissionCheck(page, { turns: [{ role: "user", references }] })).toThrow("references cannot be sent");
    expect(permissionCheck(page, { references }, { preset: "hero" })).not.toThrow();
    expect(permissionCheck(page, { n: 2 }, { preset: "hero" })).toThrow("n must be 1");
    expect(permissionCheck(page, { providerOptions: { v: { safety: 0 } } })).toThrow("providerOptions cannot be sent");
  });
});
