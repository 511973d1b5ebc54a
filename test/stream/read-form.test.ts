import { describe, expect, it } from "vitest";
import { BodyError } from "../../src/stream/body-error.ts";
import { type FormOptions, readForm } from "../../src/stream/read-form.ts";
import { BOUNDARY, field, file, form, type Part } from "./forms.ts";
import { chunks, Random } from "./random.ts";
import { failureOf, source } from "./streams.ts";

interface StoredFile {
  name: string;
  content: string;
  done: boolean;
}

/** Read a form and return its fields and stored pictures; with `failing`, storing a picture throws that error. */
async function readParts(
  parts: readonly Part[],
  options: Partial<FormOptions> & { failing?: Error; cut?: number } = {},
) {
  const kept: StoredFile[] = [];
  const { failing, cut, ...more } = options;
  const pictures: FormOptions["pictures"] = {
    open: (name) => {
      const picture: StoredFile = { name, content: "", done: false };
      kept.push(picture);
      return {
        write: async (bytes) => void (picture.content += Buffer.from(bytes).toString("latin1")),
        finish: async () => {
          if (failing !== undefined) throw failing;
          picture.done = true;
        },
      };
    },
    drain: async () => undefined,
  };
  const { stream } = source(chunks(form(parts).subarray(0, cut), new Random(7)));
  const wire = await readForm(stream, { boundary: BOUNDARY, pictures, bytes: 1e6, textBytes: 1e4, ...more });
  return { wire, kept };
}

describe("readForm", () => {
  it("files become placeholders as in JSON, and texts stay unchanged", async () => {
    const { wire, kept } = await readParts([
      field("prompt", 'a "cat"\r\n一只猫'),
      field("n", "2"),
      file("image", "first"),
      field("o[a]", "1"),
      file("mask", "second"),
    ]);
    expect(wire).toEqual({ prompt: 'a "cat"\r\n一只猫', n: "2", image: "hoisted:0", "o[a]": "1", mask: "hoisted:1" });
    expect(kept).toEqual([
      { name: "image", content: "first", done: true },
      { name: "mask", content: "second", done: true },
    ]);
  });

  it("a text that arrives in many chunks is complete", async () => {
    const prompt = Array.from({ length: 20_000 }, (_, n) => `${n} cats`).join();
    const { wire } = await readParts([field("prompt", prompt)], { textBytes: 1e6 });
    expect(wire["prompt"] === prompt).toBe(true);
  });

  it("repeated names and names that end in [] become lists", async () => {
    const { wire, kept } = await readParts([
      file("image[]", "a"),
      file("mask", "m"),
      file("image[]", "b"),
      field("images[]", "https://example.com/c.png"),
      file("again", "d"),
      file("again", "e"),
      file("image", "f"),
      field("[]", "odd"),
    ]);
    expect(wire).toEqual({
      image: ["hoisted:0", "hoisted:2", "hoisted:5"],
      mask: "hoisted:1",
      images: ["https://example.com/c.png"],
      again: ["hoisted:3", "hoisted:4"],
      "[]": "odd",
    });
    expect(kept.map(({ name }) => name)).toEqual(["image[0]", "mask", "image[1]", "again", "again[1]", "image[2]"]);
  });

  it("a picture is stored before the next one begins", async () => {
    const order: string[] = [];
    const pictures: FormOptions["pictures"] = {
      open: (name) => {
        order.push(`open ${name}`);
        const finish = async () => {
          await scheduler.wait(5);
          order.push(`stored ${name}`);
        };
        return { write: async () => undefined, finish };
      },
      drain: async () => undefined,
    };
    await readParts([file("a", "1"), file("b", "2")], { pictures });
    expect(order).toEqual(["open a", "stored a", "open b", "stored b"]);
  });

  it("a browser's empty file field is ignored, and an empty file is rejected", async () => {
    const { wire } = await readParts([file("mask", "", ""), field("n", "")]);
    expect(wire).toEqual({ n: "" });
    const error = await failureOf(readParts([file("image[]", "a"), file("image[]", "", "b.png")]));
    expect(error).toEqual(new BodyError("image[1] is an empty file.", false, "image[1]"));
  });

  it("names of inherited object properties are ordinary field names", async () => {
    const { wire } = await readParts([field("__proto__", "1"), field("constructor", "2")]);
    expect(Object.entries(wire)).toEqual([
      ["__proto__", "1"],
      ["constructor", "2"],
    ]);
    expect(({} as Record<string, unknown>)["1"]).toBeUndefined();
  });

  it("a file that is not a picture is reported at once, other errors of storing at the end", async () => {
    const failing = new BodyError("image is of no known format.", false, "image");
    expect(await failureOf(readParts([file("image", "x"), file("image", "y")], { failing }))).toBe(failing);
    const { kept } = await readParts([file("image", "x"), file("image", "y")], { failing: new Error("R2") });
    expect(kept).toHaveLength(2);
  });

  it("the limits of the body, its text and its parts are enforced", async () => {
    const limit = (name: string) => `${name} is too long: the text of a form may have 100 bytes in all.`;
    const long = "x".repeat(60);
    const text = { textBytes: 100 };
    expect(await failureOf(readParts([field("a", long), field("prompt", long)], text))).toEqual(
      new BodyError(limit("prompt"), true, "prompt"),
    );
    const name = `${"n".repeat(40)}...`;
    expect(await failureOf(readParts([field("n".repeat(101), "")], text))).toEqual(
      new BodyError(limit(name), true, name),
    );
    expect((await readParts([file("image", "x".repeat(500))], text)).kept[0]?.content).toHaveLength(500);

    const big = [file("image", "x".repeat(500))];
    expect(await failureOf(readParts(big, { bytes: 400 }))).toEqual(
      new BodyError("The body is over the limit of 400 bytes.", true),
    );

    const many = Array.from({ length: 101 }, (_, n) => field(`f${n}`, ""));
    expect(await failureOf(readParts(many))).toEqual(new BodyError("The form has more than 100 parts."));
    expect(Object.keys((await readParts(many.slice(1))).wire)).toHaveLength(100);
  });

  it("a truncated body is reported, also if it ends between two parts", async () => {
    const parts = [field("a", "1"), field("b", "2")];
    const whole = form(parts).length;
    for (const cut of [whole - 3, whole - 30, form(parts.slice(0, 1)).length - 4]) {
      expect(await failureOf(readParts(parts, { cut }))).toEqual(new BodyError("The body broke off."));
    }
  });
});
