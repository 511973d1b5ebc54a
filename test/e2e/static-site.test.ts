// Test examples/static-site as an operator would use it: build a copy, serve it by a web server, open it in Chromium.
import { execFile } from "node:child_process";
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sign } from "../../docs/sign.mjs";
import { KID, SECRET, stand } from "../web/stand.ts";
import { visit } from "../web/visit.ts";

const EXAMPLE = join(import.meta.dirname, "../../examples/static-site");
const TYPES: Record<string, string> = { ".html": "text/html", ".css": "text/css", ".js": "text/javascript" };

/** The build signs with the first key. */
const SIGNING_KEYS = JSON.stringify({ [KID]: SECRET, next: "of-no-use-yet" });

const s = stand();
let copy: string;
const build = (env: Record<string, string>) =>
  promisify(execFile)(process.execPath, [join(copy, "build.mjs")], { env: { PATH: process.env["PATH"], ...env } });

/** Publish dist/ on the test site. */
async function publish(folder: string): Promise<void> {
  for (const name of await readdir(join(copy, "dist"))) {
    const type = TYPES[extname(name)];
    if (type === undefined) throw new Error(`what is ${name}?`);
    s.site.put(`${folder}/${name}`, { type, body: await readFile(join(copy, "dist", name)) });
  }
}

beforeAll(async () => {
  copy = await mkdtemp(join(tmpdir(), "easel-static-site-"));
  await cp(EXAMPLE, copy, { recursive: true, filter: (path) => !path.endsWith("/dist") });
  await build({ EASEL_URL: `${s.easel.url}/`, EASEL_KEY: await s.key(), SIGNING_KEYS });
  await publish("");
});
afterAll(() => rm(copy, { recursive: true, force: true }));

const PICTURES = ["A lighthouse at dusk", "Spring", "Summer", "Autumn", "Winter"];
const openPage = (options = {}) => visit(s.browser, `${s.site.origin}/index.html`, options);

it("the built site contains no secret", async () => {
  const files = await Promise.all(
    (await readdir(join(copy, "dist"))).map((name) => readFile(join(copy, "dist", name), "utf8")),
  );
  expect(files.join("")).not.toContain(SECRET);
  expect(files.join("")).not.toContain("{{");
});

it("the page shows every picture without layout shifts", async () => {
  const v = await openPage();
  for (const name of PICTURES) {
    const image = v.page.getByRole("img", { name });
    await image.scrollIntoViewIfNeeded();
    await v.page.locator("easel-image[state=ready]", { has: v.page.locator(`[alt="${name}"]`) }).waitFor();
  }
  expect(await v.shift()).toBe(0);
  expect(v.requests.filter((line) => line.startsWith("GET /i/hero"))).toHaveLength(PICTURES.length);
  expect(v.console).toEqual([]);
  await v.page.evaluate("scrollTo(0, 0)");
  await v.screenshot("static-site");

  await v.page.getByRole("textbox").fill("a lighthouse on the moon");
  await v.page.getByRole("button", { name: "Draw" }).click();
  await v.page.getByRole("img", { name: "a lighthouse on the moon" }).waitFor();
  await v.page.locator("section easel-image[state=ready]").waitFor();
  await v.screenshot("static-site-own");
  expect(v.console).toEqual([]);
  expect(await v.shift()).toBe(0);
  await v.close();
});

it("the page shows the same pictures to a visitor without JavaScript", async () => {
  const before = await storedPictureCount();
  const v = await openPage({ javaScriptEnabled: false, viewport: { width: 900, height: 2000 } });
  for (const name of PICTURES) {
    const image = v.page.getByRole("img", { name });
    const width = () => image.evaluate((element) => (element as unknown as { naturalWidth: number }).naturalWidth);
    await expect.poll(width, { timeout: 10_000 }).toBe(1376);
  }
  expect(await v.page.getByRole("textbox").count()).toBe(0);
  await v.screenshot("static-site-no-script");
  expect(await storedPictureCount()).toBe(before);
  await v.close();
});

it("a page that is built without an API key hides the parts that need one", async () => {
  await build({ EASEL_URL: s.easel.url, SIGNING_KEYS });
  await publish("/keyless");
  const v = await visit(s.browser, `${s.site.origin}/keyless/index.html`);
  await v.page.locator("easel-image[state=ready]").first().waitFor();
  expect(await v.page.getByRole("textbox").count()).toBe(0);
  expect(await v.page.getByText("Your own").isVisible()).toBe(false);
  await v.close();
});

describe("the build", () => {
  /** Build a page with this text and return the built text. */
  async function buildPage(text: string, env: Record<string, string> = {}): Promise<string> {
    await writeFile(join(copy, "site/page.html"), text);
    await build({ EASEL_URL: s.easel.url, SIGNING_KEYS, ...env });
    return readFile(join(copy, "dist/page.html"), "utf8");
  }
  const signed = (fields: Record<string, string>) =>
    (s.easel.url + sign("hero", fields, KID, SECRET)).replaceAll("&", "&amp;").replaceAll("'", "&#39;");

  it.each([
    ["prompt=salt & pepper", { prompt: "salt & pepper" }],
    ["prompt=salt &amp; pepper", { prompt: "salt & pepper" }],
    ["prompt=salt&pepper", { prompt: "salt&pepper" }],
    ["prompt=C++, 50% done?", { prompt: "C++, 50% done?" }],
    ["prompt=2 + 2 = 4", { prompt: "2 + 2 = 4" }],
    ["prompt=the keeper's &quot;home&quot;, &lt;lit&gt;", { prompt: 'the keeper\'s "home", <lit>' }],
    ["prompt=海邊的燈塔", { prompt: "海邊的燈塔" }],
    ["seed=7&prompt=a pier", { prompt: "a pier", seed: "7" }],
    ["prompt=a pier &amp; a boat&amp;size=1K", { prompt: "a pier & a boat", size: "1K" }],
    ["prompt=a lighthouse\n    at dusk ", { prompt: "a lighthouse at dusk" }],
    ["", {}],
  ])("the build signs the query %j unchanged", async (query, fields) => {
    expect(await buildPage(`<img src='{{hero?${query}}}'> {{ EASEL_URL }}`)).toBe(
      `<img src='${signed(fields)}'> ${s.easel.url}`,
    );
  });
  it("the gateway accepts a URL that the build signed", async () => {
    const [, src = ""] = /"(.*)"/.exec(await buildPage('<img src="{{hero?prompt=C++ & the keeper\'s 50%}}">')) ?? [];
    const response = await s.easel.fetch(
      src.replaceAll("&amp;", "&").replaceAll("&#39;", "'").slice(s.easel.url.length),
    );
    expect(response.status).toBe(200);
    await response.body?.cancel();
  });
  it.each([
    ["{{constructor}}", /must be EASEL_URL, EASEL_KEY or a picture, preset\?prompt=…/],
    ["{{hero}}", /must be EASEL_URL/],
    ["{{Hero?prompt=x}}", /must be EASEL_URL/],
    ["{{}}", /must be EASEL_URL/],
    ["{{hero?promt=x}}", /promt is no field; there are prompt, model, .*, exp$/m],
    ["{{hero?prompt=x&amp;sed=7}}", /sed is no field/],
    ["{{hero?constructor=x}}", /constructor is no field/],
    ["{{hero?a lighthouse}}", /a lighthouse must be field=value/],
    ["{{hero?prompt=x&prompt=y}}", /prompt is there twice/],
    ["{{hero?prompt=}}", /prompt is empty/],
  ])("the invalid placeholder %s is reported with its file and the allowed names", async (placeholder, message) => {
    const before = await readdir(join(copy, "dist"));
    const failed = await buildPage(`<p>${placeholder}`).catch((error: { code: number; stderr: string }) => error);
    expect(failed).toMatchObject({ code: 1, stderr: expect.stringMatching(message) as string });
    const { stderr } = failed as { stderr: string };
    expect(stderr).toContain(`site/page.html: ${placeholder}: `);
    expect(stderr.trimEnd().split("\n")).toHaveLength(1);
    // A failed build leaves the previous build complete.
    expect(await readdir(join(copy, "dist"))).toEqual(before);
  });
  it.each([
    [{ EASEL_URL: "localhost:8911" }, /^EASEL_URL must begin with https:\/\/ or http:\/\/, and is localhost:8911$/m],
    [{ EASEL_URL: "//localhost" }, /^EASEL_URL must/],
    [{ EASEL_KEY: "ek_a_b" }, /^EASEL_KEY must be a publishable key/],
    [{ SIGNING_KEYS: "" }, /^SIGNING_KEYS must be/],
    [{ SIGNING_KEYS: "main:x" }, /^SIGNING_KEYS must be what the gateway has, JSON .*\{"main":"…"\}$/m],
    [{ SIGNING_KEYS: '"x"' }, /^SIGNING_KEYS must be/],
    [{ SIGNING_KEYS: '["x"]' }, /^SIGNING_KEYS must be/],
    [{ SIGNING_KEYS: '{"main":1}' }, /^SIGNING_KEYS must be/],
    [{ SIGNING_KEYS: "{}" }, /^SIGNING_KEYS must be/],
  ])("the invalid environment %j is reported in one line", async (env, message) => {
    const failed = buildPage("", env);
    await expect(failed).rejects.toMatchObject({ code: 1, stderr: expect.stringMatching(message) as string });
    await failed.catch(({ stderr }: { stderr: string }) => expect(stderr.trimEnd().split("\n")).toHaveLength(1));
  });
});

/** Return the number of stored pictures. */
async function storedPictureCount(): Promise<number> {
  return (await s.easel.bucket.list({ prefix: "pictures/" })).objects.length;
}
