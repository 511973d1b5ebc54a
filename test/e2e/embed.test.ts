// <easel-image> in a real Chromium, in a page of another origin, in front of the Worker.
import { describe, expect, it } from "vitest";
import type { Locator } from "playwright-core";
import { stand } from "../web/stand.ts";

const s = stand();
const ways = ["src", "preset"] as const;

/** An element's attributes that have `prompt` drawn, in either way. */
async function asking(way: (typeof ways)[number], prompt: string, terms?: object): Promise<string> {
  if (way === "src") return `src="${s.signed(prompt)}"`;
  return `preset="hero" prompt="${prompt}" key="${await s.key(terms)}"`;
}

const HERO = 'ratio="16:9" alt="A lighthouse at dusk"';
const drawings = (asked: string[]) => asked.filter((line) => /^(?:GET \/i\/|POST)/.test(line));

/** Width by height of the picture that an <img> shows; NaN where it shows none. */
const natural = (image: Locator) =>
  image.evaluate((element) => {
    const { naturalWidth, naturalHeight } = element as unknown as { naturalWidth: number; naturalHeight: number };
    return naturalWidth / naturalHeight;
  });

describe.each(ways)("by %s", (way) => {
  it("loads, then is ready: seen, announced, in the room that was kept", async () => {
    const v = await s.open(
      `<easel-image id="a" ${await asking(way, `[sandbox:slow:3000] dusk, ${way}`)} ${HERO}></easel-image>`,
    );
    await v.becomes("#a", "loading");
    const status = v.page.locator("#a").getByRole("status");
    await status.getByText("Loading the picture…").waitFor();
    expect(await v.page.locator("#a").boundingBox()).toMatchObject({ width: 400, height: 225 });
    expect(await v.page.evaluate("document.getAnimations().map((each) => each.animationName)")).toContain("shimmer");
    expect(await v.page.getByRole("img", { name: "A lighthouse at dusk" }).getAttribute("aria-busy")).toBe("true");
    await v.shoot(`loading-${way}`);

    await v.becomes("#a", "ready");
    expect(await status.textContent()).toBe("The picture is ready.");
    const image = v.page.getByRole("img", { name: "A lighthouse at dusk" });
    expect(await image.getAttribute("aria-busy")).toBe(null);
    expect(await image.boundingBox()).toMatchObject({ width: 400, height: 225 });
    expect(await natural(image)).toBeCloseTo(16 / 9, 1);
    const opacity = "getComputedStyle(document.querySelector('#a').shadowRoot.querySelector('img')).opacity";
    await expect.poll(() => v.page.evaluate(opacity)).toBe("1");
    await v.shoot(`ready-${way}`);
    const told = await v.told("a");
    expect(told.map(({ state }) => state)).toEqual(["loading", "ready"]);
    if (way === "preset") expect(told[1]?.generation).toMatch(/^\w{20,}$/);
    expect(await v.shift()).toBe(0);
    expect(drawings(v.asked)).toHaveLength(1);
    expect(v.console).toEqual([]);
    await v.leave();
  });

  it("is refused in the vendor's words, and does not ask again", async () => {
    const v = await s.open(
      `<easel-image id="a" ${await asking(way, `[sandbox:refuse] ${way}`)} ${HERO}></easel-image>`,
    );
    await v.becomes("#a", "refused");
    await v.shoot(`refused-${way}`);
    const [, refused] = await v.told("a");
    expect(refused).toMatchObject({
      state: "refused",
      status: 422,
      message: expect.stringMatching(/refuses/) as string,
    });
    expect(await v.page.getByRole("status").textContent()).toBe(refused?.message);
    expect(await v.page.getByRole("button").count()).toBe(0);
    const before = drawings(v.asked).length;
    await v.page.waitForTimeout(1500);
    expect(drawings(v.asked)).toHaveLength(before);
    expect(await v.shift()).toBe(0);
    await v.leave();
  });

  it("fails where nobody answers, until the visitor tries again", async () => {
    const down = /\/i\/|\/v1\/generations/;
    const element = `<easel-image id="a" ${await asking(way, `a second try, ${way}`)} ${HERO}></easel-image>`;
    const v = await s.open(element, { before: (page) => page.route(down, (route) => route.abort()) });
    await v.becomes("#a", "failed");
    await v.shoot(`failed-${way}`);
    const before = v.asked.length;
    await v.page.waitForTimeout(1000);
    expect(v.asked).toHaveLength(before);

    await v.page.unroute(down);
    await v.page.keyboard.press("Tab");
    expect(await v.page.evaluate("document.querySelector('#a').shadowRoot.activeElement.textContent")).toBe(
      "Try again",
    );
    await v.page.keyboard.press("Enter");
    await v.becomes("#a", "ready");
    expect(await v.page.evaluate("document.activeElement.id")).toBe("a");
    expect(await v.shift()).toBe(0);
    await v.leave();
  });
});

it("a bucket that is used up: limited, then ready when there is room again", async () => {
  const key = await s.key({ perMinute: 20 });
  const headers = { authorization: `Bearer ${key}`, origin: s.site.origin };
  await s.easel.clock({ hold: true });
  // None of them draws, each of them counts.
  for (let n = 0; n < 20; n++) await s.easel.fetch("/v1/generations", { method: "POST", headers, body: "{}" });
  const from = Date.now();
  const v = await s.open(`<easel-image id="a" preset="hero" prompt="at last" key="${key}" ${HERO}></easel-image>`);
  await v.becomes("#a", "limited");
  await s.easel.clock({ hold: false });
  await v.shoot("limited");
  const [, limited] = await v.told("a");
  expect(limited).toMatchObject({ status: 429, retryAfter: expect.any(Number) as number });
  expect(await v.page.getByRole("status").textContent()).toMatch(/Trying again in \d+\u00a0s\./);
  expect(await v.page.getByRole("button").count()).toBe(0);
  await v.becomes("#a", "ready");
  expect(Date.now() - from).toBeGreaterThan((limited?.retryAfter ?? 0) * 1000 - 500);
  expect((await v.told("a")).map(({ state }) => state)).toEqual(["loading", "limited", "loading", "ready"]);
  expect(drawings(v.asked)).toHaveLength(2);
  expect(await v.shift()).toBe(0);
  await v.leave();
});

it.each(["of another origin", "with a key that nobody knows"])("a page %s gets nothing", async (which) => {
  const key = which === "of another origin" ? await s.key() : "pk_nobody_knows";
  const element = `<easel-image id="a" preset="hero" prompt="not for you" key="${key}" ${HERO}></easel-image>`;
  const v = await s.open(element, which === "of another origin" ? { at: s.site.elsewhere } : {});
  // Whether it may even read why is CORS's to say.
  await v.page.locator("#a[state=failed], #a[state=refused]").waitFor();
  await v.shoot(which.replaceAll(" ", "-"));
  expect(await v.page.getByRole("status").textContent()).not.toBe("");
  expect(v.asked.filter((line) => line.includes("/images/"))).toEqual([]);
  expect(await v.shift()).toBe(0);
  await v.leave();
});

it("an altered URL is refused, and says so", async () => {
  const v = await s.open(
    `<easel-image id="a" src="${s.signed("a lighthouse").replace("lighthouse", "castle")}" ${HERO}></easel-image>`,
  );
  await v.becomes("#a", "refused");
  await v.shoot("altered");
  expect((await v.told("a")).at(-1)).toMatchObject({ status: 403 });
  expect(await v.page.getByRole("status").textContent()).toMatch(/sig/);
  await v.leave();
});

describe("an <img> inside", () => {
  const inside = (prompt: string) =>
    `<easel-image id="a"><img src="${s.signed(prompt).replaceAll("&", "&amp;")}" width="1600" height="900" alt="A lighthouse at dusk"></easel-image>`;

  it("is kept, and loaded once", async () => {
    const v = await s.open(inside("kept"));
    await v.becomes("#a", "ready");
    await v.shoot("inside");
    expect(drawings(v.asked)).toHaveLength(1);
    expect(await v.page.getByRole("img", { name: "A lighthouse at dusk" }).boundingBox()).toMatchObject({
      width: 400,
      height: 225,
    });
    expect(await v.shift()).toBe(0);
    await v.leave();
  });
  it("is all there is where there is no script", async () => {
    const v = await s.open(inside("no script"), { javaScriptEnabled: false });
    const image = v.page.getByRole("img", { name: "A lighthouse at dusk" });
    await expect.poll(() => natural(image), { timeout: 60_000 }).toBeCloseTo(16 / 9, 1);
    await v.shoot("no-script");
    expect(await image.boundingBox()).toMatchObject({ width: 400, height: 225 });
    expect(await v.page.locator("#a").getAttribute("state")).toBe(null);
    expect(drawings(v.asked)).toHaveLength(1);
    await v.leave();
  });
});

it("elements that ask for the same have it drawn once, for all of them", async () => {
  const key = await s.key();
  const one = (id: string) =>
    `<easel-image id="${id}" preset="hero" prompt="shared" key="${key}" ${HERO}></easel-image>`;
  const v = await s.open(one("a") + one("b"));
  await v.becomes("#a", "ready");
  await v.becomes("#b", "ready");
  expect(drawings(v.asked)).toHaveLength(1);
  const sources = v.page.getByRole("img").evaluateAll((images) => images.map((image) => image.getAttribute("src")));
  expect(new Set(await sources).size).toBe(1);
  await v.leave();
});

it("works under a strict policy", async () => {
  const { url } = s.easel;
  const csp = `default-src 'none'; script-src ${url}; img-src ${url}; connect-src ${url}; style-src 'self'`;
  const v = await s.open(
    `<easel-image id="a" ${await asking("preset", "strict")} ${HERO}></easel-image>
     <easel-image id="b" ${await asking("src", "strictly")} ${HERO}></easel-image>`,
    { csp },
  );
  await v.becomes("#a", "ready");
  await v.becomes("#b", "ready");
  expect(v.console).toEqual([]);
  expect(await v.shift()).toBe(0);
  await v.leave();
});
