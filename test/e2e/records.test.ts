import { describe, expect, it } from "vitest";
import { ADMIN, heard, jsonOf, LINKAI_KEY, LISTENHUB_KEY, said, staged } from "./stage.ts";
import type { RecordWire } from "./stage.ts";

const stage = staged();

interface Page {
  object: string;
  data: RecordWire[];
  next: string | null;
}
const PROMPT = "a very secret cat";

async function draw(path = "/v1/generations", more: object = {}): Promise<string> {
  const answer = await stage.post(path, { prompt: PROMPT, ...more });
  await answer.arrayBuffer();
  return answer.headers.get("easel-generation") ?? "";
}

describe("GET /v1/generations/{id}", () => {
  const asked: [dialect: string, path: string, more: object][] = [
    ["listenhub", "/v1/images/generation", { provider: "google" }],
    ["linkai", "/linkai/v1/images/generations", { model: "gpt-image-2" }],
    ["openai", "/v1/images/generations", { model: "gpt-image-2" }],
    ["easel", "/v1/generations", {}],
  ];
  it.each(asked)(
    "has what was asked as %s, without the prompt or anything of the inside",
    async (dialect, path, more) => {
      const id = await draw(path, more);
      const answer = await stage.get(`/v1/generations/${id}`);
      expect(answer.headers.get("cache-control")).toBe("no-store");
      const text = await answer.text();
      const record = JSON.parse(text) as RecordWire;
      expect(record).toMatchObject({ id, status: "succeeded", dialect, error: null });
      for (const secret of [PROMPT, ADMIN, LISTENHUB_KEY, LINKAI_KEY, "principal", "pictures/"])
        expect(text).not.toContain(secret);
    },
  );

  it("says why a generation failed", async () => {
    stage.linkai.next({ status: 409, error: { message: "内容审核不通过" } });
    const id = await draw("/v1/generations", { model: "gpt-image-2" });
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

  it("has one of a model that nobody draws, too", async () => {
    const id = await draw("/v1/generations", { model: "flux-2-pro" });
    const record = await jsonOf(stage.get(`/v1/generations/${id}`));
    expect(record).toMatchObject({ status: "failed", error: { code: "model_not_found" }, attempts: [] });
  });

  it("is for the operator too, whose list stays their own", async () => {
    const { headers } = await stage.newKey();
    const drawn = await stage.post("/v1/generations", { prompt: PROMPT }, headers);
    const id = drawn.headers.get("easel-generation") ?? "";
    expect(await stage.record(id)).toMatchObject({ id, status: "succeeded" });
    const { data } = await jsonOf<Page>(stage.get("/v1/generations"));
    expect(data.map((each) => each.id)).not.toContain(id);
  });

  it("is for the key that made it: to another all else is one and the same 404", async () => {
    const id = await draw();
    const { headers } = await stage.newKey();
    for (const other of [
      id,
      `${id.slice(0, -1)}${id.endsWith("0") ? "1" : "0"}`,
      "abc",
      "..%2f..%2fx",
      "%00",
      id.toUpperCase(),
    ]) {
      const answer = await stage.get(`/v1/generations/${other}`, headers);
      expect([other, answer.status]).toEqual([other, 404]);
      expect(answer.headers.get("cache-control")).toBe("no-store");
      expect(await answer.json()).toEqual({ error: { code: "not_found", message: "There is no such generation." } });
    }
  });
});

describe("GET /v1/generations", () => {
  it("lists newest first, page by page, each once", async () => {
    const made: string[] = [];
    for (let i = 0; i < 5; i++) {
      made.unshift(await draw());
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
    expect(ids.slice(0, 5)).toEqual(made);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it("shows a key its own, and not so much as the id of another's", async () => {
    const theirs = await Promise.all(Array.from({ length: 5 }, () => draw()));
    const { headers } = await stage.newKey();
    const page = async (query: string) =>
      jsonOf<Page>(stage.easel.fetch(`/v1/generations?limit=1${query}`, { headers }));
    expect(await page("")).toEqual({ object: "list", data: [], next: null });
    const ids = [];
    for (let i = 0; i < 2; i++) {
      ids.unshift((await stage.post("/v1/generations", { prompt: PROMPT }, headers)).headers.get("easel-generation"));
      theirs.push(await draw());
    }
    const first = await page("");
    const second = await page(`&cursor=${first.next}`);
    expect([first, second].map(({ data }) => data[0]?.id)).toEqual(ids);
    expect(theirs).not.toContain(first.next);
    expect(second.next).toBeNull();
  });

  it("refuses what is no page, naming the field", async () => {
    for (const query of ["limit=0", "limit=101", "limit=1.5", "limit=x", "cursor=x", "cursor=%00", "cursor="]) {
      const answer = await stage.get(`/v1/generations?${query}`);
      const field = query.split("=")[0];
      expect([query, answer.status]).toEqual([query, 400]);
      expect(await answer.json()).toMatchObject({ error: { code: "invalid_request", field } });
    }
  });

  it("asks for a key", async () => {
    for (const path of ["/v1/generations", `/v1/generations/${await draw()}`]) {
      const answer = await stage.easel.fetch(path);
      expect(answer.status).toBe(401);
      expect(await answer.json()).toMatchObject({ error: { code: "unauthorized" } });
    }
  });
});

it("keeps prompts, keys and URLs of references out of R2's metadata and the log", async () => {
  const id = await draw("/v1/generations", { references: ["https://example.com/a.png?X-Signature=s3cret"] });
  await heard(stage.easel, `"generation":"${id}","status":"succeeded"`);
  const logged = said(stage.easel);
  for (const secret of [PROMPT, ADMIN, LISTENHUB_KEY, LINKAI_KEY, "s3cret"]) expect(logged).not.toContain(secret);
  const { objects } = await stage.easel.bucket.list({ include: ["customMetadata"] });
  expect(JSON.stringify(objects)).not.toContain(PROMPT);
});
