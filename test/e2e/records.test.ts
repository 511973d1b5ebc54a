import { describe, expect, it } from "vitest";
import { ADMIN, waitForLog, jsonOf, LINKAI_KEY, LISTENHUB_KEY, logText, staged } from "./stage.ts";
import type { RecordWire } from "./stage.ts";

const stage = staged();

interface Page {
  object: string;
  data: RecordWire[];
  next: string | null;
}
const PROMPT = "a very secret cat";

async function generate(path = "/v1/generations", more: object = {}): Promise<string> {
  const response = await stage.post(path, { prompt: PROMPT, ...more });
  await response.arrayBuffer();
  return response.headers.get("easel-generation") ?? "";
}

describe("GET /v1/generations/{id}", () => {
  const requestsByDialect: [dialect: string, path: string, more: object][] = [
    ["listenhub", "/v1/images/generation", { provider: "google" }],
    ["linkai", "/linkai/v1/images/generations", { model: "gpt-image-2" }],
    ["openai", "/v1/images/generations", { model: "gpt-image-2" }],
    ["easel", "/v1/generations", {}],
  ];
  it.each(requestsByDialect)(
    "a %s request has a record without its prompt, keys or internal names",
    async (dialect, path, more) => {
      const id = await generate(path, more);
      const response = await stage.get(`/v1/generations/${id}`);
      expect(response.headers.get("cache-control")).toBe("no-store");
      const text = await response.text();
      const record = JSON.parse(text) as RecordWire;
      expect(record).toMatchObject({ id, status: "succeeded", dialect, error: null });
      for (const secret of [PROMPT, ADMIN, LISTENHUB_KEY, LINKAI_KEY, "principal", "pictures/"])
        expect(text).not.toContain(secret);
    },
  );

  it("the record of a failed generation has the error code and message", async () => {
    stage.linkai.next({ status: 409, error: { message: "内容审核不通过" } });
    const id = await generate("/v1/generations", { model: "gpt-image-2" });
    expect(await jsonOf(stage.get(`/v1/generations/${id}`))).toMatchObject({
      id,
      status: "failed",
      vendor: "linkai",
      images: [],
      error: { code: "content_rejected", message: "linkai: 内容审核不通过" },
      attempts: [{ vendor: "linkai", error: "content_rejected" }],
      finishedAt: expect.any(String) as string,
    });
  });

  it("a request for a model without a vendor has a failed record", async () => {
    const id = await generate("/v1/generations", { model: "flux-2-pro" });
    const record = await jsonOf(stage.get(`/v1/generations/${id}`));
    expect(record).toMatchObject({ status: "failed", error: { code: "model_not_found" }, attempts: [] });
  });

  it("the operator reads a record of any key, and the operator's list excludes it", async () => {
    const { headers } = await stage.newKey();
    const response = await stage.post("/v1/generations", { prompt: PROMPT }, headers);
    const id = response.headers.get("easel-generation") ?? "";
    expect(await stage.record(id)).toMatchObject({ id, status: "succeeded" });
    const { data } = await jsonOf<Page>(stage.get("/v1/generations"));
    expect(data.map((record) => record.id)).not.toContain(id);
  });

  it("another key gets the same 404 for a foreign and an unknown generation", async () => {
    const id = await generate();
    const { headers } = await stage.newKey();
    for (const otherId of [
      id,
      `${id.slice(0, -1)}${id.endsWith("0") ? "1" : "0"}`,
      "abc",
      "..%2f..%2fx",
      "%00",
      id.toUpperCase(),
    ]) {
      const response = await stage.get(`/v1/generations/${otherId}`, headers);
      expect([otherId, response.status]).toEqual([otherId, 404]);
      expect(response.headers.get("cache-control")).toBe("no-store");
      expect(await response.json()).toEqual({ error: { code: "not_found", message: "There is no such generation." } });
    }
  });
});

describe("GET /v1/generations", () => {
  it("the list returns every generation once, newest first, across pages", async () => {
    const expectedIds: string[] = [];
    for (let i = 0; i < 5; i++) {
      expectedIds.unshift(await generate());
      await new Promise((resolve) => setTimeout(resolve, 3));
    }
    const pages: string[][] = [];
    let next: string | null = "";
    while (next !== null && pages.length < 50) {
      const cursor: string = next === "" ? "" : `&cursor=${encodeURIComponent(next)}`;
      const page: Page = await jsonOf<Page>(stage.get(`/v1/generations?limit=2${cursor}`));
      expect(page.object).toBe("list");
      expect(page.data.length).toBeLessThanOrEqual(2);
      pages.push(page.data.map(({ id }) => id));
      next = page.next;
    }
    const ids = pages.flat();
    expect(ids.slice(0, 5)).toEqual(expectedIds);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it("the list of a key never contains the id of another key's generation", async () => {
    const otherIds = await Promise.all(Array.from({ length: 5 }, () => generate()));
    const { headers } = await stage.newKey();
    const page = async (query: string) =>
      jsonOf<Page>(stage.easel.fetch(`/v1/generations?limit=1${query}`, { headers }));
    expect(await page("")).toEqual({ object: "list", data: [], next: null });
    const ids = [];
    for (let i = 0; i < 2; i++) {
      ids.unshift((await stage.post("/v1/generations", { prompt: PROMPT }, headers)).headers.get("easel-generation"));
      otherIds.push(await generate());
    }
    const first = await page("");
    const second = await page(`&cursor=${first.next}`);
    expect([first, second].map(({ data }) => data[0]?.id)).toEqual(ids);
    expect(otherIds).not.toContain(first.next);
    expect(second.next).toBeNull();
  });

  it("an invalid limit or cursor is rejected with the name of the field", async () => {
    for (const query of ["limit=0", "limit=101", "limit=1.5", "limit=x", "cursor=x", "cursor=%00", "cursor="]) {
      const response = await stage.get(`/v1/generations?${query}`);
      const field = query.split("=")[0];
      expect([query, response.status]).toEqual([query, 400]);
      expect(await response.json()).toMatchObject({ error: { code: "invalid_request", field } });
    }
  });

  it("a request for records without an API key returns 401", async () => {
    for (const path of ["/v1/generations", `/v1/generations/${await generate()}`]) {
      const response = await stage.easel.fetch(path);
      expect(response.status).toBe(401);
      expect(await response.json()).toMatchObject({ error: { code: "unauthorized" } });
    }
  });
});

it("prompts, keys and reference URLs appear neither in R2 metadata nor in the log", async () => {
  const id = await generate("/v1/generations", { references: ["https://example.com/a.png?X-Signature=s3cret"] });
  await waitForLog(stage.easel, `"generation":"${id}","status":"succeeded"`);
  const logged = logText(stage.easel);
  for (const secret of [PROMPT, ADMIN, LISTENHUB_KEY, LINKAI_KEY, "s3cret"]) expect(logged).not.toContain(secret);
  const { objects } = await stage.easel.bucket.list({ include: ["customMetadata"] });
  expect(JSON.stringify(objects)).not.toContain(PROMPT);
});
