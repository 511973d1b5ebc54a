import { describe, expect, it } from "vitest";
import { png } from "../sim/index.ts";
import { jsonOf, lastBody, LISTENHUB_PATH, PRO, logText, staged } from "./stage.ts";

const PRESETS = {
  card: { size: "1K" },
  wide: { aspectRatio: "16:9", size: "2K" },
  poster: { width: 2048, height: 3072 },
};
const stage = staged({ faulty: true, vars: { PRESETS: JSON.stringify(PRESETS) } });

interface CreatedKey {
  id: string;
  key: string;
  revokedAt?: string;
}
const SITE = "https://example.com";
const PAGE = { kind: "publishable", origins: [SITE], models: ["gpt-image-2"], size: "1K", perMinute: 1_000 };
const CAT = { model: "gpt-image-2", prompt: "a cat" };

async function createKey(terms: object = {}): Promise<CreatedKey> {
  const answer = await stage.post("/v1/keys", terms);
  const made = await jsonOf<CreatedKey>(answer);
  expect([answer.status, made]).toEqual([201, expect.anything()]);
  return made;
}
const authHeaders = ({ key }: CreatedKey, origin = SITE) => ({
  authorization: `Bearer ${key}`,
  ...(key.startsWith("pk") && { origin }),
});
const revokeKey = (id: string) => stage.call("DELETE", `/v1/keys/${id}`);
const REFERENCE = `data:image/png;base64,${png({ bytes: 5_000 }).bytes.toString("base64")}`;
const vendorRequestCount = () => stage.listenhub.seen.length + stage.linkai.seen.length;

/** Return everything in KV: names, values and metadata. */
async function everythingInKV(): Promise<string> {
  const { keys } = await stage.easel.kv.list();
  const values = await Promise.all(keys.map(({ name }) => stage.easel.kv.get(name)));
  return JSON.stringify([keys, values]);
}

describe("the keys API", () => {
  it("a key is shown once, only its hash is stored, and neither is in a log", async () => {
    const answer = await stage.post("/v1/keys", {
      name: "a server",
      expiresAt: "2030-01-31T12:00:00+02:00",
      models: ["nano-banana-pro"],
    });
    expect(answer.status).toBe(201);
    expect(answer.headers.get("cache-control")).toBe("no-store");
    const made = await jsonOf<CreatedKey>(answer);
    expect(made).toEqual({
      id: expect.stringMatching(/^[0-9a-f]{16}$/) as string,
      object: "key",
      key: expect.stringMatching(new RegExp(`^ek_${made.id}_[0-9a-f]{48}$`)) as string,
      kind: "secret",
      name: "a server",
      models: [PRO],
      createdAt: expect.any(String) as string,
      expiresAt: "2030-01-31T10:00:00.000Z",
    });
    const page = await createKey(PAGE);
    for (const each of [made, page]) expect((await stage.get("/v1/models", authHeaders(each))).status).toBe(200);

    const listed = await (await stage.get("/v1/keys")).text();
    const { data } = JSON.parse(listed) as { data: CreatedKey[] };
    expect(data.map(({ id }) => id)).toEqual(expect.arrayContaining([made.id, page.id]));
    expect(data.find(({ id }) => id === page.id)).toMatchObject(PAGE);
    const hash = async (text: string) =>
      new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
    const kept = await everythingInKV();
    for (const { key } of [made, page]) {
      const hex = Buffer.from(await hash(key)).toString("hex");
      expect(kept).toContain(hex);
      for (const secret of [key, key.split("_")[2] ?? ""]) {
        expect(kept).not.toContain(secret);
        expect(listed).not.toContain(secret);
        expect(logText(stage.easel)).not.toContain(secret);
      }
      expect(listed).not.toContain(hex);
    }
  });

  it("a revoked key is rejected at once by the isolate that revoked it, and stays listed", async () => {
    const made = await createKey();
    expect((await stage.get("/v1/models", authHeaders(made))).status).toBe(200);
    const gone = await revokeKey(made.id);
    expect(gone.status).toBe(200);
    expect(await gone.json()).toMatchObject({ id: made.id, revokedAt: expect.any(String) as string });
    expect((await stage.get("/v1/models", authHeaders(made))).status).toBe(401);
    const again = await revokeKey(made.id);
    expect(again.status).toBe(200);
    const { data } = await jsonOf<{ data: CreatedKey[] }>(stage.get("/v1/keys"));
    const { revokedAt } = await jsonOf<CreatedKey>(again);
    expect(data.find(({ id }) => id === made.id)?.revokedAt).toBe(revokedAt);
  });

  // KV accepts no expiration after 2038, and a key stays listed for 30 days after its own.
  it.each(["2037-12-20T03:14:07Z", "2037-12-20T03:14:08Z", "2040-01-01T00:00Z", "9999-12-31T23:59:59Z"])(
    "a key that expires at %s is valid and can be revoked",
    async (expiresAt) => {
      const made = await createKey({ expiresAt });
      expect((await stage.get("/v1/models", authHeaders(made))).status).toBe(200);
      expect((await revokeKey(made.id)).status).toBe(200);
      expect((await stage.get("/v1/models", authHeaders(made))).status).toBe(401);
    },
  );

  it.each(["0123456789abcdef", "x", "admin", "%2e%2e", "ek_0123456789abcdef_0"])(
    "there is no key %s to revoke",
    async (id) => {
      expect((await revokeKey(id)).status).toBe(404);
    },
  );

  it("the keys API accepts the admin token only", async () => {
    const [secret, page] = [await createKey(), await createKey(PAGE)];
    const answers = [secret, page].flatMap((key) => [
      stage.post("/v1/keys", {}, authHeaders(key)),
      stage.get("/v1/keys", authHeaders(key)),
      stage.call("DELETE", `/v1/keys/${page.id}`, undefined, authHeaders(key)),
    ]);
    for (const answer of await Promise.all(answers)) {
      expect(answer.status).toBe(403);
      expect(await answer.json()).toMatchObject({ error: { code: "forbidden" } });
    }
    for (const method of ["POST", "GET"]) expect((await stage.easel.fetch("/v1/keys", { method })).status).toBe(401);
    expect((await stage.get("/v1/models", authHeaders(page))).status).toBe(200);
  });

  const bad: [message: string, field: string | undefined, body: unknown][] = [
    ["The body is empty", undefined, ""],
    ["not valid JSON", undefined, "{"],
    ["The body must be an object", undefined, "[]"],
    ["base64", undefined, { name: REFERENCE }],
    ["over the limit", undefined, { name: "x ".repeat(4_000_000) }],
    ["colour is not a field here; the fields are kind, name", "colour", { colour: 1 }],
    ["is not a field here", "__proto__", '{"__proto__":{"kind":"secret"}}'],
    ["kind must be one of secret, publishable", "kind", { kind: "public" }],
    ["name must be 1 to 100 characters", "name", { name: "" }],
    ["name must be 1 to 100 characters", "name", { name: "a\u001b[2Jb" }],
    ["expiresAt must be a time with its zone", "expiresAt", { expiresAt: "tomorrow" }],
    ["expiresAt must be a time with its zone", "expiresAt", { expiresAt: "2030-01-31T12:00:00" }],
    ["expiresAt must be a time to come", "expiresAt", { expiresAt: "2020-01-31T12:00:00Z" }],
    ["expiresAt must be a time with its zone, on a day", "expiresAt", { expiresAt: "2030-13-31T12:00:00Z" }],
    ["expiresAt must be a time with its zone, on a day", "expiresAt", { expiresAt: "2030-02-31T12:00:00Z" }],
    ["models must not be empty", "models", { models: [] }],
    ["models[1]: The model dall-e-9 is not known; known are", "models[1]", { models: [PRO, "dall-e-9"] }],
    ["is no vendor here", "models[0]", { models: [`nobody/${PRO}`] }],
    ["presets[0] must be a preset's name", "presets[0]", { presets: ["a b"] }],
    [
      "presets[1]: The preset landscap is not known; PUT /v1/presets/{name} or the var PRESETS makes one.",
      "presets[1]",
      { presets: ["card", "landscap"] },
    ],
    [
      "size is too small for the preset wide: allow 2K, or give that preset a smaller size.",
      "size",
      { ...PAGE, presets: ["card", "wide"] },
    ],
    ["size is too small for the preset wide: allow 2K, or", "size", { presets: ["wide"], size: "512" }],
    ["size is too small for the preset poster: allow 3K, or", "size", { presets: ["poster"], size: "2K" }],
    ["size must be one of 512, 1K, 2K, 3K, 4K", "size", { size: "8K" }],
    ["perMinute must be at least 1", "perMinute", { perMinute: 0 }],
    ["perMinute must be a whole number", "perMinute", { perMinute: 1.5 }],
    ["origins is for publishable keys", "origins", { origins: [SITE] }],
    ["origins is required for a publishable key", "origins", { ...PAGE, origins: undefined }],
    ["origins must not be empty", "origins", { ...PAGE, origins: [] }],
    ["origins[1] must be an origin", "origins[1]", { ...PAGE, origins: [SITE, "null"] }],
    [
      "origins[0] leaves too much open: at least two labels must follow the *, as in https://*.example.com.",
      "origins[0]",
      { ...PAGE, origins: ["https://*.com"] },
    ],
    ["models or presets is required for a publishable key", "models", { ...PAGE, models: undefined }],
    ["size is required for a publishable key", "size", { ...PAGE, size: undefined }],
    ["perMinute is required for a publishable key", "perMinute", { ...PAGE, perMinute: undefined }],
  ];
  it.each(bad)("invalid terms of a key are rejected: %s", async (message, field, body) => {
    const before = (await stage.easel.kv.list({ prefix: "keys/" })).keys.length;
    const answer = await stage.post("/v1/keys", body);
    const { error } = await jsonOf<{ error: { code: string; message: string; field?: string } }>(answer);
    expect([answer.status, error.field]).toEqual([message === "over the limit" ? 413 : 400, field]);
    expect(error.message).toContain(message);
    expect((await stage.easel.kv.list({ prefix: "keys/" })).keys.length).toBe(before);
  });
});

describe("invalid keys [fault 53]", () => {
  const paths = [LISTENHUB_PATH, "/v1/chat/completions", "/images/generate", "/linkai/v1/images/generations"];
  it.each([...paths, "/nebula/v1/images/generations", "/v1/images/generations", "/v1/generations"])(
    "POST %s gives every invalid key the same answer, byte for byte [fault 53]",
    async (path) => {
      const [good, revoked, other] = [await createKey(), await createKey(), await createKey(PAGE)];
      const expiry = Date.now() + 3_000;
      const soon = await createKey({ expiresAt: new Date(expiry).toISOString() });
      await revokeKey(revoked.id);
      await new Promise((resolve) => setTimeout(resolve, expiry - Date.now() + 100));
      const [, , secret = ""] = good.key.split("_");
      const bad: [what: string, key: string | undefined][] = [
        ["missing", undefined],
        ["empty", ""],
        ["malformed", "ek_"],
        ["too short", good.key.slice(0, -1)],
        ["too long", `${good.key}0`],
        ["very long", good.key.repeat(100)],
        ["upper case", good.key.toUpperCase()],
        ["another kind", good.key.replace("ek_", "pk_")],
        ["another secret", good.key.replace(secret, "0".repeat(48))],
        ["another's secret", `ek_${good.id}_${other.key.split("_")[2]}`],
        ["unknown", `ek_${"0".repeat(16)}_${secret}`],
        ["unknown, for a page", `pk_${"0".repeat(16)}_${secret}`],
        ["the id alone", good.id],
        ["revoked", revoked.key],
        ["expired", soon.key],
      ];
      const answers = await Promise.all(
        bad.map(async ([, key]) => {
          const headers = { origin: SITE, ...(key !== undefined && { authorization: `Bearer ${key}` }) };
          const answer = await stage.easel.fetch(path, { method: "POST", headers, body: "{}" });
          const requestId = answer.headers.get("x-request-id") ?? "";
          const named = [...answer.headers].filter(([name]) => !["x-request-id", "date"].includes(name));
          return [answer.status, named, (await answer.text()).replace(requestId, "")];
        }),
      );
      expect(answers[0]?.[0]).toBe(401);
      answers.forEach((answer, index) => expect(answer, bad[index]?.[0]).toEqual(answers[0]));
      expect((await stage.post(path, "{}", authHeaders(good))).status).not.toBe(401);
      expect(vendorRequestCount()).toBe(0);
      expect(logText(stage.easel)).not.toContain(secret);
      // The log shows the operator that the key is still in use.
      expect(logText(stage.easel)).toContain(`{"event":"unauthorized","key":"${revoked.id}","reason":"revoked"}`);
      expect(logText(stage.easel)).toContain(`{"event":"unauthorized","key":"${soon.id}","reason":"expired"}`);
    },
  );
});

describe("the restrictions of a key", () => {
  const cases: [what: string, terms: object, path: string, body: object, field: string, message: string][] = [
    [
      "another model",
      { models: ["gpt-image-2"] },
      "/v1/generations",
      { prompt: "a cat" },
      "model",
      "model must be gpt-image-2 with this key.",
    ],
    [
      "another vendor",
      { models: ["linkai/gpt-image-2"] },
      "/v1/generations",
      CAT,
      "model",
      "model must be linkai/gpt-image-2 with this key.",
    ],
    [
      "a request without its preset",
      { presets: ["card"] },
      "/v1/generations",
      CAT,
      "preset",
      "preset must be card with this key.",
    ],
    [
      "a larger size",
      { size: "1K" },
      "/v1/generations",
      { ...CAT, size: "2K" },
      "size",
      "size may be 1K at most with this key.",
    ],
    [
      "more pixels",
      { size: "1K" },
      "/v1/images/generations",
      { ...CAT, size: "2048x2048" },
      "size",
      "size asks for more than the 1572864 pixels at most of 1K",
    ],
    [
      "a model that draws nothing so small",
      { size: "512" },
      "/v1/generations",
      { prompt: "a cat" },
      "size",
      "draws nothing so small here",
    ],
    ["two pictures", PAGE, "/v1/images/generations", { ...CAT, n: 2 }, "n", "n must be 1 with a publishable key."],
    [
      "a reference",
      PAGE,
      "/v1/generations",
      { ...CAT, references: [REFERENCE] },
      "references",
      "references cannot be sent with a publishable key",
    ],
    [
      "a reference as LinkAI calls it",
      PAGE,
      "/linkai/v1/images/generations",
      { ...CAT, size: "1K", images: [REFERENCE] },
      "images",
      "images cannot be sent",
    ],
    [
      "an option",
      PAGE,
      "/v1/generations",
      { ...CAT, providerOptions: { atalk: { safety_tolerance: 6 } } },
      "providerOptions",
      "providerOptions cannot be sent",
    ],
  ];
  it.each(cases)("a restricted key rejects %s", async (what, terms, path, body, field, message) => {
    const answer = await stage.post(path, body, authHeaders(await createKey(terms)));
    const { error } = await jsonOf<{ error: { message: string; field?: string; param?: string } }>(answer);
    expect(error.message).toContain(message);
    expect(error.message.startsWith(field)).toBe(true);
    // LinkAI's document has 402 for a key without permission, and no field.
    expect([answer.status, error.param ?? error.field]).toEqual(
      path.startsWith("/linkai") ? [402, undefined] : [403, field],
    );
    expect(vendorRequestCount()).toBe(0);
    // The sizes of a model are known from its vendors, which are selected for a generation.
    expect(answer.headers.has("easel-generation")).toBe(what === "a model that draws nothing so small");
    await expect.poll(() => stage.keys("references/")).toEqual([]);
  });

  it("a key accepts its model by any name, up to its size", async () => {
    const page = await createKey({ ...PAGE, models: ["nano-banana-pro"], size: "2K" });
    for (const model of [PRO, "nano-banana-pro", `linkai/${PRO}`]) {
      const answer = await stage.post("/v1/generations", { prompt: "a cat", model, size: "2K" }, authHeaders(page));
      expect(answer.status).toBe(200);
      await answer.arrayBuffer();
    }
    expect(stage.listenhub.seen.length).toBe(2);
  });

  it("a key accepts its presets without changes to them", async () => {
    const put = (name: string) => {
      const preset = { prompt: "{prompt}, flat", model: "gpt-image-2", size: "1K" };
      return stage.call("PUT", `/v1/presets/${name}`, preset);
    };
    expect([(await put("hero")).status, (await put("other")).status]).toEqual([201, 201]);
    const page = await createKey({ ...PAGE, models: undefined, presets: ["hero"] });
    const ask = async (body: object) => {
      const answer = await stage.post("/v1/generations", { prompt: "a cat", ...body }, authHeaders(page));
      await answer.arrayBuffer();
      return answer.status;
    };
    expect(await ask({ preset: "hero" })).toBe(200);
    expect(await ask({ preset: "other" })).toBe(403);
    expect(await ask({ preset: "hero", size: "4K" })).toBe(400);
    expect(await ask({ preset: "hero", n: 2 })).toBe(400);
  });

  it("a key accepts presets within its size, in a tier or in pixels", async () => {
    await createKey({ presets: ["card", "wide", "poster"] });
    const key = authHeaders(await createKey({ ...PAGE, presets: ["card", "wide", "poster"], size: "3K" }));
    for (const preset of ["card", "wide"]) {
      const answer = await stage.post("/v1/generations", { preset, prompt: "a cat" }, key);
      expect(answer.status).toBe(200);
      await answer.arrayBuffer();
    }
  });

  it("a request without a size gets the key's size if the model's default is larger", async () => {
    const draw = async (terms: object) => {
      const answer = await stage.post(
        "/v1/generations",
        { model: PRO, prompt: "a cat" },
        authHeaders(await createKey(terms)),
      );
      expect(answer.status).toBe(200);
      await answer.arrayBuffer();
      return JSON.stringify(lastBody(stage.listenhub.seen));
    };
    expect(await draw({})).not.toContain('"imageSize":"1K"');
    expect(await draw({ size: "2K" })).not.toContain('"imageSize":"1K"');
    expect(await draw({ size: "1K" })).toContain('"imageSize":"1K"');
  });

  it("a key's size replaces a dialect's larger default, and a larger size in the request is rejected", async () => {
    const small = authHeaders(await createKey({ size: "1K" }));
    const ask = (imageConfig?: object) =>
      stage.post(
        "/listenhub/openapi/v1/images/generation",
        { provider: "google", prompt: "a cat", imageConfig },
        small,
      );
    const answer = await ask();
    expect(answer.status).toBe(200);
    await answer.arrayBuffer();
    expect(JSON.stringify(lastBody(stage.listenhub.seen))).toContain('"imageSize":"1K"');
    const refused = await ask({ imageSize: "2K", aspectRatio: "1:1" });
    expect(await refused.text()).toContain("imageConfig.imageSize may be 1K at most with this key.");
  });
});

it("each key has a token bucket of its own size in addition to the global one", async () => {
  const [small, other] = [await createKey({ perMinute: 2 }), await createKey()];
  const ask = async (made: CreatedKey) => {
    const answer = await stage.post("/v1/generations", {}, authHeaders(made));
    await answer.arrayBuffer();
    return [answer.status, answer.headers.get("ratelimit-policy")];
  };
  const policy = '"key";q=2;w=60, "global";q=1000000;w=60';
  expect([await ask(small), await ask(small), await ask(small)]).toEqual([
    [400, policy],
    [400, policy],
    [429, policy],
  ]);
  expect(await ask(other)).toEqual([400, '"key";q=1000000;w=60, "global";q=1000000;w=60']);
});

it("a generation is visible to its key and the operator only, and a publishable key cannot list", async () => {
  const [mine, other, page] = [await createKey(), await createKey(), await createKey(PAGE)];
  const draw = async (made: CreatedKey) => {
    const answer = await stage.post("/v1/generations", CAT, authHeaders(made));
    expect(answer.status).toBe(200);
    return (await jsonOf<{ id: string }>(answer)).id;
  };
  const [first, second] = [await draw(mine), await draw(page)];
  const status = async (id: string, headers?: Record<string, string>) =>
    (await stage.get(`/v1/generations/${id}`, headers)).status;
  expect([await status(first, authHeaders(mine)), await status(second, authHeaders(page))]).toEqual([200, 200]);
  expect([
    await status(first, authHeaders(other)),
    await status(first, authHeaders(page)),
    await status(first),
  ]).toEqual([404, 404, 200]);
  const { data } = await jsonOf<{ data: { id: string }[] }>(stage.get("/v1/generations", authHeaders(mine)));
  expect(data.map(({ id }) => id)).toEqual([first]);
  expect((await stage.get("/v1/generations", authHeaders(page))).status).toBe(403);
});

it("no key is made or revoked while KV refuses writes, and both can be retried", async () => {
  const made = await createKey();
  await stage.easel.fault("KV.put", { prefix: "keys/" });
  const refused = async (answer: Promise<Response>) => {
    const { status, headers } = await answer;
    expect([status, headers.get("retry-after"), headers.get("x-should-retry")]).toEqual([503, "5", null]);
    return jsonOf(answer);
  };
  try {
    expect(await refused(stage.post("/v1/keys", {}))).toMatchObject({
      error: { code: "internal", message: "No key was made: KV does not answer. Try again." },
    });
    expect(await refused(revokeKey(made.id))).toMatchObject({
      error: { code: "internal", message: "The key was not revoked: KV does not answer. Try again." },
    });
    expect((await stage.get("/v1/models", authHeaders(made))).status).toBe(200);
  } finally {
    await stage.easel.fault("KV.put", { times: 0 });
  }
  expect((await revokeKey(made.id)).status).toBe(200);
  expect((await stage.get("/v1/models", authHeaders(made))).status).toBe(401);
});

it("the operator and cached keys work while KV is down, and other keys get a retryable error", async () => {
  const [known, unknown] = [await createKey(), `ek_${"1".repeat(16)}_${"0".repeat(48)}`];
  await stage.easel.fault("KV.get", { prefix: "keys/" });
  try {
    expect((await stage.get("/v1/models")).status).toBe(200);
    expect((await stage.get("/v1/models", authHeaders(known))).status).toBe(200);
    const answer = await stage.post("/v1/images/generations", CAT, { authorization: unknown });
    expect([answer.status, answer.headers.get("x-should-retry")]).toEqual([500, null]);
    expect(await answer.json()).toMatchObject({ error: { message: "API keys cannot be looked up at the moment." } });
  } finally {
    await stage.easel.fault("KV.get", { times: 0 });
  }
});
