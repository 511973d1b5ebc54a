import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { unstable_startWorker } from "wrangler";
import { silenceWrangler } from "../../scripts/quiet.ts";
import { ADMIN } from "./stage.ts";

let worker: Awaited<ReturnType<typeof unstable_startWorker>>;
let state: string;
beforeAll(async () => {
  state = await mkdtemp(join(tmpdir(), "easel-"));
  // Wrangler reads its configuration when its module loads, so this comes before the import.
  silenceWrangler();
  const { unstable_startWorker: startWorker } = await import("wrangler");
  worker = await startWorker({
    config: "wrangler.toml",
    envFiles: [],
    bindings: { ADMIN_TOKEN: { type: "plain_text", value: ADMIN } },
    dev: {
      server: { hostname: "localhost", port: 0 },
      inspector: false,
      watch: false,
      logLevel: "none",
      persist: state,
      structuredLogsHandler: () => undefined,
    },
  });
  await worker.ready;
});
afterAll(async () => {
  await worker.raw.teardown();
  await rm(state, { recursive: true, force: true });
});

/** `npm start` has a proxy in front of the Worker, which still sends the body when the response arrives. */
it.each([
  ["text that is too long", `{"prompt":"${"x".repeat(5_000_000)}"}`, 413],
  ["invalid base64", `{"prompt":"cat","references":["iVBORw0KGgoAAAANSUhE!${"A".repeat(8_000_000)}"]}`, 400],
])(
  "behind the proxy of npm start, a body rejected while it arrives gets a JSON error: %s [fault 30]",
  async (_, body, status) => {
    const url = new URL("/v1/generations", await worker.url);
    for (let attempt = 0; attempt < 5; attempt++) {
      const headers = { authorization: `Bearer ${ADMIN}`, "content-type": "application/json" };
      const answer = await fetch(url, { method: "POST", headers, body });
      expect(answer.status).toBe(status);
      expect(await answer.json()).toMatchObject({ error: { message: expect.any(String) } });
    }
  },
);
