// <easel-image> in a real Chromium, in a page of another origin, in front of the Worker.
import { describe, expect, it } from "vitest";
import type { Locator } from "playwright-core";
import { stand } from "../web/stand.ts";

const s = stand();
const ways = ["src", "preset"] as const;

/** Return attributes that make an element request `prompt`, by a signed URL or a preset. */
async function attributesFor(way: (typeof ways)[number], prompt: string, terms?: object): Promise<string> {
  if (way === "src") return `src="${s.signed(prompt)}"`;
  return `preset="hero" prompt="${prompt}" key="${await s.key(terms)}"`;
}

const HERO = 'ratio="16:9" alt="A lighthouse at dusk"';
const generationRequests = (asked: string[]) => asked.filter((line) => /^(?:GET \/i\/|POST)/.test(line));

/** Return the ratio of the picture that an <img> shows; NaN if it shows none. */
const naturalRatio = (image: Locator) =>
  image.evaluate((element) => {
    const { naturalWidth, naturalHeight } = element as unknown as { naturalWidth: number; naturalHeight: number };
    return naturalWidth / naturalHeight;
  });

describe.each(ways)("<easel-image> by %s", (way) => {
  it("the element is loading, then ready: visible, announced, in the reserved space", async () => {
    const v = await s.open(
      `<easel-image id="a" ${await attributesFor(way, `[sandbox:slow:3000] dusk, ${way}`)} ${HERO}></easel-image>`,
    );
    await v.waitForState("#a", "loading");
    const status = v.page.locator("#a").getByRole("status");
    await status.getByText("Loading the picture…").waitFor();
    expect(await v.page.locator("#a").boundingBox()).toMatchObject({ width: 400, height: 225 });
    expect(await v.page.evaluate("document.getAnimations().map((each) => each.animationName)")).toContain("shimmer");
    expect(await v.page.getByRole("img", { name: "A lighthouse at dusk" }).getAttribute("aria-busy")).toBe("true");
    await v.screenshot(`loading-${way}`);

    await v.waitForState("#a", "ready");
    expect(await status.textContent()).toBe("The picture is ready.");
    const image = v.page.getByRole("img", { name: "A lighthouse at dusk" });
    expect(await image.getAttribute("aria-busy")).toBe(null);
    expect(await image.boundingBox()).toMatchObject({ width: 400, height: 225 });
    expect(await naturalRatio(image)).toBeCloseTo(16 / 9, 1);
    const opacity = "getComputedStyle(document.querySelector('#a').shadowRoot.querySelector('img')).opacity";
    await expect.poll(() => v.page.evaluate(opacity)).toBe("1");
    await v.screenshot(`ready-${way}`);
    const reported = await v.reportedStates("a");
    expect(reported.map(({ state }) => state)).toEqual(["loading", "ready"]);
    if (way === "preset") expect(reported[1]?.generation).toMatch(/^\w{20,}$/);
    expect(await v.shift()).toBe(0);
    expect(generationRequests(v.requests)).toHaveLength(1);
    expect(v.console).toEqual([]);
    await v.close();
  });

  it("a refusal shows the vendor's message and is not retried", async () => {
    const v = await s.open(
      `<easel-image id="a" ${await attributesFor(way, `[sandbox:refuse] ${way}`)} ${HERO}></easel-image>`,
    );
    await v.waitForState("#a", "refused");
    await v.screenshot(`refused-${way}`);
    const [, refused] = await v.reportedStates("a");
    expect(refused).toMatchObject({
      state: "refused",
      status: 422,
      message: expect.stringMatching(/refuses/) as string,
    });
    expect(await v.page.getByRole("status").textContent()).toBe(refused?.message);
    expect(await v.page.getByRole("button").count()).toBe(0);
    const before = generationRequests(v.requests).length;
    await v.page.waitForTimeout(1500);
    expect(generationRequests(v.requests)).toHaveLength(before);
    expect(await v.shift()).toBe(0);
    await v.close();
  });

  it("an element without a response fails until the visitor retries", async () => {
    const down = /\/i\/|\/v1\/generations/;
    const element = `<easel-image id="a" ${await attributesFor(way, `a second try, ${way}`)} ${HERO}></easel-image>`;
    const v = await s.open(element, { before: (page) => page.route(down, (route) => route.abort()) });
    await v.waitForState("#a", "failed");
    await v.screenshot(`failed-${way}`);
    const before = v.requests.length;
    await v.page.waitForTimeout(1000);
    expect(v.requests).toHaveLength(before);

    await v.page.unroute(down);
    await v.page.keyboard.press("Tab");
    expect(await v.page.evaluate("document.querySelector('#a').shadowRoot.activeElement.textContent")).toBe(
      "Try again",
    );
    await v.page.keyboard.press("Enter");
    await v.waitForState("#a", "ready");
    expect(await v.page.evaluate("document.activeElement.id")).toBe("a");
    expect(await v.shift()).toBe(0);
    await v.close();
  });
});

it("an exhausted token bucket sets the state limited, then ready once it is refilled", async () => {
  const key = await s.key({ perMinute: 20 });
  const headers = { authorization: `Bearer ${key}`, origin: s.site.origin };
  await s.easel.clock({ hold: true });
  // None of these requests starts a generation, but each is counted.
  for (let n = 0; n < 20; n++) await s.easel.fetch("/v1/generations", { method: "POST", headers, body: "{}" });
  const from = Date.now();
  const v = await s.open(`<easel-image id="a" preset="hero" prompt="at last" key="${key}" ${HERO}></easel-image>`);
  await v.waitForState("#a", "limited");
  await s.easel.clock({ hold: false });
  await v.screenshot("limited");
  const [, limited] = await v.reportedStates("a");
  expect(limited).toMatchObject({ status: 429, retryAfter: expect.any(Number) as number });
  expect(await v.page.getByRole("status").textContent()).toMatch(/Trying again in \d+\u00a0s\./);
  expect(await v.page.getByRole("button").count()).toBe(0);
  await v.waitForState("#a", "ready");
  expect(Date.now() - from).toBeGreaterThan((limited?.retryAfter ?? 0) * 1000 - 500);
  expect((await v.reportedStates("a")).map(({ state }) => state)).toEqual(["loading", "limited", "loading", "ready"]);
  expect(generationRequests(v.requests)).toHaveLength(2);
  expect(await v.shift()).toBe(0);
  await v.close();
});

it.each(["of another origin", "with an unknown key"])("a page %s gets no picture", async (which) => {
  const key = which === "of another origin" ? await s.key() : "pk_nobody_knows";
  const element = `<easel-image id="a" preset="hero" prompt="not for you" key="${key}" ${HERO}></easel-image>`;
  const v = await s.open(element, which === "of another origin" ? { at: s.site.elsewhere } : {});
  // CORS decides whether the page can read the error.
  await v.page.locator("#a[state=failed], #a[state=refused]").waitFor();
  await v.screenshot(which.replaceAll(" ", "-"));
  expect(await v.page.getByRole("status").textContent()).not.toBe("");
  expect(v.requests.filter((line) => line.includes("/images/"))).toEqual([]);
  expect(await v.shift()).toBe(0);
  await v.close();
});

it("an altered URL is refused with a message", async () => {
  const v = await s.open(
    `<easel-image id="a" src="${s.signed("a lighthouse").replace("lighthouse", "castle")}" ${HERO}></easel-image>`,
  );
  await v.waitForState("#a", "refused");
  await v.screenshot("altered");
  expect((await v.reportedStates("a")).at(-1)).toMatchObject({ status: 403 });
  expect(await v.page.getByRole("status").textContent()).toMatch(/sig/);
  await v.close();
});

describe("an <img> inside <easel-image>, from the gateway", () => {
  const inside = (prompt: string) =>
    `<easel-image id="a"><img src="${s.signed(prompt).replaceAll("&", "&amp;")}" width="1600" height="900" alt="A lighthouse at dusk"></easel-image>`;

  it("an <img> inside is kept and loaded once", async () => {
    const v = await s.open(inside("kept"));
    await v.waitForState("#a", "ready");
    await v.screenshot("inside");
    expect(generationRequests(v.requests)).toHaveLength(1);
    expect(await v.page.getByRole("img", { name: "A lighthouse at dusk" }).boundingBox()).toMatchObject({
      width: 400,
      height: 225,
    });
    expect(await v.shift()).toBe(0);
    await v.close();
  });
  it("an <img> inside is shown without script", async () => {
    const v = await s.open(inside("no script"), { javaScriptEnabled: false });
    const image = v.page.getByRole("img", { name: "A lighthouse at dusk" });
    await expect.poll(() => naturalRatio(image), { timeout: 60_000 }).toBeCloseTo(16 / 9, 1);
    await v.screenshot("no-script");
    expect(await image.boundingBox()).toMatchObject({ width: 400, height: 225 });
    expect(await v.page.locator("#a").getAttribute("state")).toBe(null);
    expect(generationRequests(v.requests)).toHaveLength(1);
    await v.close();
  });
});

it("elements with the same request share one generation", async () => {
  const key = await s.key();
  const element = (id: string) =>
    `<easel-image id="${id}" preset="hero" prompt="shared" key="${key}" ${HERO}></easel-image>`;
  const v = await s.open(element("a") + element("b"));
  await v.waitForState("#a", "ready");
  await v.waitForState("#b", "ready");
  expect(generationRequests(v.requests)).toHaveLength(1);
  const sources = v.page.getByRole("img").evaluateAll((images) => images.map((image) => image.getAttribute("src")));
  expect(new Set(await sources).size).toBe(1);
  await v.close();
});

it("<easel-image> works under a strict Content-Security-Policy", async () => {
  const { url } = s.easel;
  const csp = `default-src 'none'; script-src ${url}; img-src ${url}; connect-src ${url}; style-src 'self'`;
  const v = await s.open(
    `<easel-image id="a" ${await attributesFor("preset", "strict")} ${HERO}></easel-image>
     <easel-image id="b" ${await attributesFor("src", "strictly")} ${HERO}></easel-image>`,
    { csp },
  );
  await v.waitForState("#a", "ready");
  await v.waitForState("#b", "ready");
  expect(v.console).toEqual([]);
  expect(await v.shift()).toBe(0);
  await v.close();
});
