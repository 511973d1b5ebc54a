import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { until } from "../sim/index.ts";
import { ADMIN, jsonOf, PRO, startStage } from "./stage.ts";
import type { Stage } from "./stage.ts";

let stage: Stage;
beforeAll(async () => {
  stage = await startStage();
});
beforeEach(() => stage.reset());
afterAll(() => stage.stop());

it("smoke", async () => {
  const put = await stage.easel.fetch("/v1/schedules/daily", {
    method: "PUT",
    headers: { authorization: `Bearer ${ADMIN}`, "content-type": "application/json" },
    body: JSON.stringify({ cron: "*/15 * * * *", timezone: "Europe/Berlin", request: { model: PRO, prompt: "a cat on {{date}}, no. {{counter}}" } }),
  });
  console.log(put.status, await jsonOf(put));
  const base = Math.ceil(Date.now() / 900_000) * 900_000;
  const s = Date.now();
  await stage.easel.scheduled(new Date(base));
  console.log("scheduled", Date.now() - s);
  await until(async () => (await stage.get("/s/daily")).status === 200, 15_000);
  console.log(await jsonOf(stage.get("/s/daily.json")), stage.listenhub.seen.length, JSON.stringify(stage.listenhub.seen[0]?.body).slice(0,300));
  const run = await stage.post("/v1/schedules/daily/run", "");
  console.log(run.status, run.headers.get("location"), await jsonOf(run));
  await until(async () => stage.listenhub.seen.length === 2, 15_000);
  console.log(await stage.keys());
  console.log(stage.easel.logs.map((l) => l.message).join("\n"));
}, 60_000);
