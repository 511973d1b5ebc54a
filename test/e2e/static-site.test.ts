// examples/static-site as somebody would use it: built in a copy, served by a web server, seen in a real Chromium.
import { execFile } from "node:child_process";
import { cp, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, it } from "vitest";
import { KID, SECRET, stand } from "../web/stand.ts";
import { visit } from "../web/visit.ts";

const EXAMPLE = join(import.meta.dirname, "../../examples/static-site");
const TYPES: Record<string, string> = { ".html": "text/html", ".css": "text/css", ".js": "text/javascript" };

const s = stand();
let copy: string;
const build = (env: Record<string, string>) =>
  promisify(execFile)(process.execPath, [join(copy, "build.mjs")], { env: { PATH: process.env["PATH"], ...env } });

beforeAll(async () => {
  copy = await mkdtemp(join(tmpdir(), "easel-static-site-"));
  await cp(EXAMPLE, copy, { recursive: true, filter: (path) => !path.endsWith("/dist") });
  await build({ EASEL_URL: `${s.easel.url}/`, EASEL_KEY: await s.key(), SIGNING_KEY: `${KID}:${SECRET}` });
  for (const name of await readdir(join(copy, "dist"))) {
    const type = TYPES[extname(name)];
    if (type === undefined) throw new Error(`what is ${name}?`);
    s.site.put(`/${name}`, { type, body: await readFile(join(copy, "dist", name)) });
  }
});
afterAll(() => rm(copy, { recursive: true, force: true }));

const PICTURES = ["A lighthouse at dusk", "Spring", "Summer", "Autumn", "Winter"];
const open = (options = {}) => visit(s.browser, `${s.site.origin}/index.html`, options);

it("has no secret in what it builds, and says what it lacks", async () => {
  const built = await Promise.all(
    (await readdir(join(copy, "dist"))).map((name) => readFile(join(copy, "dist", name), "utf8")),
  );
  expect(built.join("")).not.toContain(SECRET);
  expect(built.join("")).not.toContain("{{");
  await expect(build({ SIGNING_KEY: "main" })).rejects.toThrow(/SIGNING_KEY must be kid:secret/);
});

it("shows every picture, in a page that never moves", async () => {
  const v = await open();
  for (const name of PICTURES) {
    const image = v.page.getByRole("img", { name });
    await image.scrollIntoViewIfNeeded();
    await v.page.locator("easel-image[state=ready]", { has: v.page.locator(`[alt="${name}"]`) }).waitFor();
  }
  expect(await v.shift()).toBe(0);
  expect(v.asked.filter((line) => line.startsWith("GET /i/hero"))).toHaveLength(PICTURES.length);
  expect(v.console).toEqual([]);
  await v.page.evaluate("scrollTo(0, 0)");
  await v.shoot("static-site");

  await v.page.getByRole("textbox").fill("a lighthouse on the moon");
  await v.page.getByRole("button", { name: "Draw" }).click();
  await v.page.getByRole("img", { name: "a lighthouse on the moon" }).waitFor();
  await v.page.locator("section easel-image[state=ready]").waitFor();
  await v.shoot("static-site-own");
  expect(v.console).toEqual([]);
  expect(await v.shift()).toBe(0);
  await v.leave();
});

it("shows the same pictures to the next visitor, who has no script", async () => {
  const before = await drawn();
  const v = await open({ javaScriptEnabled: false, viewport: { width: 900, height: 2000 } });
  for (const name of PICTURES) {
    const image = v.page.getByRole("img", { name });
    const width = () => image.evaluate((element) => (element as unknown as { naturalWidth: number }).naturalWidth);
    await expect.poll(width, { timeout: 10_000 }).toBe(1376);
  }
  expect(await v.page.getByRole("textbox").count()).toBe(0);
  await v.shoot("static-site-no-script");
  expect(await drawn()).toBe(before);
  await v.leave();
});

/** How many pictures are stored. */
async function drawn(): Promise<number> {
  return (await s.easel.bucket.list({ prefix: "pictures/" })).objects.length;
}
