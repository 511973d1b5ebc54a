// What <easel-image> makes of its answers, in a real Chromium: Easel serves the script, the answers are the tests' own.
import { describe, expect, it } from "vitest";
import { ASKS, scripted, SOON } from "../web/scripted.ts";
import type { Answers, Refusal } from "../web/scripted.ts";
import type { PageOptions } from "../web/stand.ts";

const t = scripted();
const { s, open, states, settle, run, src } = t;

describe("limited", () => {
  const limited = (retryAfter?: string): Refusal => ({ status: 429, ...(retryAfter !== undefined && { retryAfter }) });
  const NOW = Date.parse("2026-11-20T12:00:00Z");
  /** The page's clock stands still unless it is told to run. */
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
  ])("%j: asks again by itself, not before %i s and not long after", async (answer, seconds) => {
    await open429(answer, "good");
    await t.v.becomes("#a", "limited");
    expect((await t.v.told("a")).at(-1)).toMatchObject({
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
    await t.v.becomes("#a", "ready");
    expect(t.seen).toHaveLength(2);
  });
  it("takes a date", async () => {
    await open429(limited(new Date(NOW + 30_000).toUTCString()), "good");
    await t.v.becomes("#a", "limited");
    expect((await t.v.told("a")).at(-1)?.retryAfter).toBe(30);
  });
  it("gives up after five times, and leaves it to the visitor", async () => {
    await open429(limited("1"));
    for (let n = 1; n <= 5; n++) {
      await expect.poll(() => t.seen.length, SOON).toBe(n);
      await t.v.becomes("#a", "limited");
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
  it("does not wait for an hour", async () => {
    await open429(limited("3600"));
    await t.v.page.getByRole("button", { name: "Try again" }).waitFor();
    expect(await t.v.page.getByRole("status").textContent()).not.toContain("Trying");
    await t.v.page.clock.runFor(5_000_000);
    expect(t.seen).toHaveLength(1);
  });
  it("is what an <img> does not say: its URL is asked", async () => {
    await open(`<easel-image id="a" src="${src()}" alt="x"></easel-image>`, [limited("1"), limited("1"), "good"]);
    await t.v.becomes("#a", "ready");
    expect(await states("a")).toEqual(["loading", "limited", "loading", "ready"]);
    expect(t.seen.length).toBeLessThanOrEqual(4);
  });
});

describe("which state", () => {
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
  ])("%i is %s", async (status, state) => {
    await open(`<easel-image id="a" ${ASKS}></easel-image><easel-image id="b" src="${src()}"></easel-image>`, [
      { status },
    ]);
    await t.v.becomes("#a", state);
    await t.v.becomes("#b", state);
    expect((await t.v.told("a")).at(-1)).toMatchObject({ status, message: "No." });
    expect(await t.v.page.locator("#a").getByRole("status").textContent()).toMatch(
      state === "refused" ? /^No\.$/ : /not be loaded/,
    );
  });
  it("a page in place of a picture has failed", async () => {
    await open(`<easel-image id="a" src="${s.site.put("/no.png", { type: "text/html", body: "<p>" })}"></easel-image>`);
    await t.v.becomes("#a", "failed");
  });
});

describe("paid once", () => {
  const key = (index: number) => t.seen[index]?.headers()["idempotency-key"];
  const again = () => t.v.page.getByRole("button", { name: "Try again" }).click();

  it("elements that ask for the same share one request, and its failure", async () => {
    const one = (id: string, prompt: string) =>
      `<easel-image id="${id}" preset="hero" prompt="${prompt}" key="pk_a_b" alt=""></easel-image>`;
    await open(one("a", "x") + one("b", "x") + one("c", "y"), [{ status: 500 }, { status: 500 }, "good"]);
    await Promise.all(["#a", "#b", "#c"].map((id) => t.v.becomes(id, "failed")));
    expect(t.seen).toHaveLength(2);
    await t.v.page.locator("#a").getByRole("button").click();
    await t.v.becomes("#a", "ready");
    await t.v.page.locator("#b").getByRole("button").click();
    await t.v.becomes("#b", "ready");
    await run(`document.body.insertAdjacentHTML("beforeend", ${JSON.stringify(one("d", "x"))})`);
    await t.v.becomes("#d", "ready");
    expect(t.seen).toHaveLength(3);
  });
  it("a request that nobody answered is asked again by its name", async () => {
    await open(`<easel-image id="a" ${ASKS}></easel-image>`, [
      "lost",
      { status: 409, retryAfter: "1" },
      { status: 500 },
      "good",
    ]);
    await t.v.becomes("#a", "failed");
    await again();
    await expect.poll(() => t.seen.length, SOON).toBe(3);
    await t.v.becomes("#a", "failed");
    await again();
    await t.v.becomes("#a", "ready");
    expect(key(0)).toMatch(/^[\d-]{10,}$/);
    expect([key(1), key(2)]).toEqual([key(0), key(0)]);
    // It was answered: what comes now is another.
    expect(key(3)).not.toBe(key(0));
  });
  it("ends its request when the last element has gone, and not when one has moved", async () => {
    const one = (id: string) => `<easel-image id="${id}" ${ASKS}></easel-image>`;
    await open(one("a") + one("b"), ["never", "good"]);
    await expect.poll(() => t.seen.length, SOON).toBe(1);
    await run(`document.querySelector("#b").remove()`);
    await run(`window.a = document.querySelector("#a"); a.remove(); document.body.prepend(a)`);
    await settle();
    expect(t.seen[0]?.failure()).toBe(null);
    await run(`a.remove()`);
    await expect.poll(() => t.seen[0]?.failure()?.errorText, SOON).toBe("net::ERR_ABORTED");
    await run(`document.body.append(a)`);
    await t.v.becomes("#a", "ready");
    expect(t.seen).toHaveLength(2);
    expect(key(1)).toBe(key(0));
    expect(await states("a")).toEqual(["loading", "loading", "ready"]);
  });
});
