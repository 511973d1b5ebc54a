// Responses and their states in <easel-image>, in a real Chromium: Easel serves the script, the tests script the
// responses.
import { describe, expect, it } from "vitest";
import { ASKS, scripted, SOON } from "../web/scripted.ts";
import type { Answers, Refusal } from "../web/scripted.ts";
import type { PageOptions } from "../web/stand.ts";

const t = scripted();
const { s, open, states, settle, run, src } = t;

describe("the state limited of <easel-image>", () => {
  const limited = (retryAfter?: string): Refusal => ({ status: 429, ...(retryAfter !== undefined && { retryAfter }) });
  const NOW = Date.parse("2026-11-20T12:00:00Z");
  /** The page's clock advances only when a test runs it. */
  const clock: PageOptions = {
    before: async (page) => {
      await page.clock.install({ time: NOW - 1000 });
      await page.clock.pauseAt(NOW);
    },
  };
  const open429 = (...answers: Answers) => open(`<easel-image id="a" ${ASKS}></easel-image>`, answers, clock);

  it.each([
    [limited("7"), 7],
    [limited(), 5],
    [limited("nonsense"), 5],
    [limited("-3"), 1],
    [{ status: 503, retryAfter: "3" }, 3],
    [{ status: 409, retryAfter: "2" }, 2],
  ])("after %j the element retries automatically, not before %i s and not long after", async (answer, seconds) => {
    await open429(answer, "good");
    await t.v.waitForState("#a", "limited");
    expect((await t.v.reportedStates("a")).at(-1)).toMatchObject({
      state: "limited",
      status: answer.status,
      retryAfter: seconds,
    });
    expect(await t.v.page.getByRole("status").textContent()).toMatch(
      /^The picture has to wait\. Trying again in \d+\u00a0s\.$/,
    );
    await t.v.page.clock.runFor(seconds * 1000 - 50);
    expect(await states("a")).toEqual(["loading", "limited"]);
    await t.v.page.clock.runFor(seconds * 250 + 100);
    await t.v.waitForState("#a", "ready");
    expect(t.seen).toHaveLength(2);
  });
  it("a Retry-After with a date is accepted", async () => {
    await open429(limited(new Date(NOW + 30_000).toUTCString()), "good");
    await t.v.waitForState("#a", "limited");
    expect((await t.v.reportedStates("a")).at(-1)?.retryAfter).toBe(30);
  });
  it("the element stops after five automatic retries and shows a button", async () => {
    await open429(limited("1"));
    for (let n = 1; n <= 5; n++) {
      await expect.poll(() => t.seen.length, SOON).toBe(n);
      await t.v.waitForState("#a", "limited");
      await expect.poll(async () => (await states("a")).at(-1), SOON).toBe("limited");
      expect(await t.v.page.getByRole("button").count()).toBe(0);
      await t.v.page.clock.runFor(1300);
    }
    await t.v.page.getByRole("button", { name: "Try again" }).waitFor();
    await t.v.page.clock.runFor(60_000);
    expect(t.seen).toHaveLength(6);
    await t.v.page.getByRole("button", { name: "Try again" }).click();
    await expect.poll(() => t.seen.length, SOON).toBe(7);
  });
  it("the element shows a button instead of waiting for an hour", async () => {
    await open429(limited("3600"));
    await t.v.page.getByRole("button", { name: "Try again" }).waitFor();
    expect(await t.v.page.getByRole("status").textContent()).not.toContain("Trying");
    await t.v.page.clock.runFor(5_000_000);
    expect(t.seen).toHaveLength(1);
  });
  it("the URL of a failed <img> is fetched to learn that it is rate-limited", async () => {
    await open(`<easel-image id="a" src="${src()}" alt="x"></easel-image>`, [limited("1"), limited("1"), "good"]);
    await t.v.waitForState("#a", "ready");
    expect(await states("a")).toEqual(["loading", "limited", "loading", "ready"]);
    expect(t.seen.length).toBeLessThanOrEqual(4);
  });
});

describe("the state of <easel-image> by response", () => {
  it.each([
    [400, "refused"],
    [401, "refused"],
    [403, "refused"],
    [404, "refused"],
    [410, "refused"],
    [413, "refused"],
    [422, "refused"],
    [402, "failed"],
    [408, "failed"],
    [409, "failed"],
    [500, "failed"],
    [502, "failed"],
    [503, "failed"],
    [504, "failed"],
  ])("a response with status %i sets the state %s", async (status, state) => {
    await open(`<easel-image id="a" ${ASKS}></easel-image><easel-image id="b" src="${src()}"></easel-image>`, [
      { status },
    ]);
    await t.v.waitForState("#a", state);
    await t.v.waitForState("#b", state);
    expect((await t.v.reportedStates("a")).at(-1)).toMatchObject({ status, message: "No." });
    expect(await t.v.page.locator("#a").getByRole("status").textContent()).toMatch(
      state === "refused" ? /^No\.$/ : /not be loaded/,
    );
  });
  it("a page instead of a picture sets the state failed", async () => {
    await open(`<easel-image id="a" src="${s.site.put("/no.png", { type: "text/html", body: "<p>" })}"></easel-image>`);
    await t.v.waitForState("#a", "failed");
  });
});

describe("the protection of <easel-image> against duplicate charges", () => {
  const key = (index: number) => t.seen[index]?.headers()["idempotency-key"];
  const clickRetry = () => t.v.page.getByRole("button", { name: "Try again" }).click();

  it("elements with the same request share it, and its failure", async () => {
    const element = (id: string, prompt: string) =>
      `<easel-image id="${id}" preset="hero" prompt="${prompt}" key="pk_a_b" alt=""></easel-image>`;
    await open(element("a", "x") + element("b", "x") + element("c", "y"), [{ status: 500 }, { status: 500 }, "good"]);
    await Promise.all(["#a", "#b", "#c"].map((id) => t.v.waitForState(id, "failed")));
    expect(t.seen).toHaveLength(2);
    await t.v.page.locator("#a").getByRole("button").click();
    await t.v.waitForState("#a", "ready");
    await t.v.page.locator("#b").getByRole("button").click();
    await t.v.waitForState("#b", "ready");
    await run(`document.body.insertAdjacentHTML("beforeend", ${JSON.stringify(element("d", "x"))})`);
    await t.v.waitForState("#d", "ready");
    expect(t.seen).toHaveLength(3);
  });
  it("a request without a response is retried with the same Idempotency-Key", async () => {
    await open(`<easel-image id="a" ${ASKS}></easel-image>`, [
      "lost",
      { status: 409, retryAfter: "1" },
      { status: 500 },
      "good",
    ]);
    await t.v.waitForState("#a", "failed");
    await clickRetry();
    await expect.poll(() => t.seen.length, SOON).toBe(3);
    await t.v.waitForState("#a", "failed");
    await clickRetry();
    await t.v.waitForState("#a", "ready");
    expect(key(0)).toMatch(/^[\d-]{10,}$/);
    expect([key(1), key(2)]).toEqual([key(0), key(0)]);
    // The third request got a response, so that the next one is a new request.
    expect(key(3)).not.toBe(key(0));
  });
  it("a request is aborted when the last element is removed, not when an element is moved", async () => {
    const element = (id: string) => `<easel-image id="${id}" ${ASKS}></easel-image>`;
    await open(element("a") + element("b"), ["never", "good"]);
    await expect.poll(() => t.seen.length, SOON).toBe(1);
    await run(`document.querySelector("#b").remove()`);
    await run(`window.a = document.querySelector("#a"); a.remove(); document.body.prepend(a)`);
    await settle();
    expect(t.seen[0]?.failure()).toBe(null);
    await run(`a.remove()`);
    await expect.poll(() => t.seen[0]?.failure()?.errorText, SOON).toBe("net::ERR_ABORTED");
    await run(`document.body.append(a)`);
    await t.v.waitForState("#a", "ready");
    expect(t.seen).toHaveLength(2);
    expect(key(1)).toBe(key(0));
    expect(await states("a")).toEqual(["loading", "loading", "ready"]);
  });
});
