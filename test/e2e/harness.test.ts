import { copyFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, inject, it } from "vitest";
import { startRuntime } from "../harness/runtime.ts";
import { startStranger, until } from "../sim/index.ts";
import type { Stranger } from "../sim/index.ts";

/** A Worker to test the harness with; the other files test Easel. */
const WORKER = `export default {
  async fetch(request, env, ctx) {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname === "/get") return fetch(searchParams.get("url"));
    if (pathname === "/vars") return Response.json({ SANDBOX: env.SANDBOX, MORE: env.MORE ?? null });
    if (pathname === "/now") return new Response(String(Date.now()));
    if (pathname === "/later") ctx.waitUntil(Promise.reject(new Error("failed later")));
    if (pathname === "/say") { console.log("said aloud"); throw new Error("thrown aloud"); }
    if (pathname === "/put") return env.BUCKET.put("a", "one").then(() => new Response("put"), (e) => new Response(e.message, { status: 500 }));
    if (pathname === "/part") {
      const upload = await env.BUCKET.createMultipartUpload("b");
      return upload.uploadPart(1, "x").then(() => new Response("part"), (e) => new Response(e.message, { status: 500 }));
    }
    return new Response(request.body);
  },
  async scheduled(event, env) { await env.KV.put("cron", String(event.scheduledTime)); },
}`;

let folder: string;
let stranger: Stranger;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "easel-harness-"));
  for (const name of ["options.json", "faulty.js"]) await copyFile(join(inject("bundle"), name), join(folder, name));
  await writeFile(join(folder, "index.js"), WORKER);
  stranger = await startStranger();
});
afterAll(async () => {
  await stranger.stop();
  await rm(folder, { recursive: true });
});

it("the runtime reaches loopback, passes vars, streams bodies and collects logs", async () => {
  const easel = await startRuntime(folder, { vars: { MORE: "more" } });
  try {
    expect(await (await easel.fetch(`/get?url=${stranger.origin}`)).text()).toBe("I am nobody.");
    expect(await (await easel.fetch("/vars")).json()).toEqual({ SANDBOX: "off", MORE: "more" });
    const body = new Blob(["stream"]).stream();
    expect(await (await easel.fetch("/echo", { method: "POST", body })).text()).toBe("stream");
    expect((await easel.fetch("/say")).status).toBe(500);
    await easel.fetch("/later", { method: "POST", body: "x" });
    const ownLogs = () => easel.logs.filter((line) => line.level !== "runtime");
    await until(() => ownLogs().length === 3);
    expect(ownLogs()).toEqual([
      { level: "log", message: "said aloud" },
      { level: "uncaught", message: expect.stringMatching(/^Error: thrown aloud/) },
      { level: "uncaught", message: expect.stringMatching(/^Error: failed later/) },
    ]);
    await easel.scheduled(new Date(60_000));
    expect(await easel.kv.get("cron")).toBe("60000");
  } finally {
    await easel.stop();
  }
});

it("a fault makes a binding fail as often as it says", async () => {
  const easel = await startRuntime(folder, { faulty: true });
  const put = async (path = "/put") => (await easel.fetch(path)).text();
  try {
    expect(await put()).toBe("put");
    await easel.fault("BUCKET.put", { times: 1 });
    expect(await put()).toContain("internal error");
    expect(await put()).toBe("put");
    await easel.fault("BUCKET.put", { times: 1, after: true, message: "lost" });
    await easel.bucket.delete("a");
    expect(await put()).toBe("lost");
    expect(await (await easel.bucket.get("a"))?.text()).toBe("one");
    await easel.fault("BUCKET.uploadPart", { times: 1, message: "no part" });
    expect([await put("/part"), await put("/part")]).toEqual(["no part", "part"]);
  } finally {
    await easel.stop();
  }
});

it("a held call waits for the next fault, and no other call waits for it", async () => {
  const easel = await startRuntime(folder, { faulty: true });
  const put = async () => (await easel.fetch("/put")).text();
  try {
    await easel.fault("BUCKET.put", { hold: true, message: "after all" });
    let ended = false;
    const held = put().finally(() => (ended = true));
    // The call that arrives first is held.
    const other = put().finally(() => (ended = true));
    expect([await Promise.race([held, other]), ended]).toEqual(["put", true]);
    await easel.fault("BUCKET.put", { times: 0 });
    expect((await Promise.all([held, other])).toSorted()).toEqual(["after all", "put"]);
  } finally {
    await easel.stop();
  }
});

it("the Worker's clock stands while it is held, and can be turned forward", async () => {
  const easel = await startRuntime(folder, { faulty: true });
  const now = async () => Number(await (await easel.fetch("/now")).text());
  try {
    await easel.clock({ hold: true });
    const from = await now();
    await easel.clock({ turnMs: 3_600_000 });
    expect((await now()) - from).toBe(3_600_000);
    await easel.clock({ hold: false });
    await until(async () => (await now()) - from > 3_600_000);
  } finally {
    await easel.stop();
  }
});

it("the runtime keeps its storage over a restart if it has a folder for it", async () => {
  const persist = join(folder, "stores");
  const first = await startRuntime(folder, { persist });
  await first.bucket.put("kept", "yes");
  await first.stop();
  const second = await startRuntime(folder, { persist });
  expect(await (await second.bucket.get("kept"))?.text()).toBe("yes");
  await second.stop();
});
