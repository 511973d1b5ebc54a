import { describe, expect, it } from "vitest";
import { BodyError } from "../../src/stream/body-error.ts";
import { type FormOptions, readForm } from "../../src/stream/read-form.ts";
import { BOUNDARY, field, file, form, type Part } from "./forms.ts";
import { chunks, Random } from "./random.ts";
import { failureOf, source } from "./streams.ts";

interface Kept {
  name: string;
  content: string;
  done: boolean;
}

/** Reads a form; its pictures as they were stored, `failing` instead of being so. */
async function read(parts: readonly Part[], options: Partial<FormOptions> & { failing?: Error; cut?: number } = {}) {
  const kept: Kept[] = [];
  const { failing, cut, ...more } = options;
  const pictures: FormOptions["pictures"] = {
    open: (name) => {
      const picture: Kept = { name, content: "", done: false };
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
  it("has pictures where JSON has them, and text as it is", async () => {
    const { wire, kept } = await read([
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

  it("has a text that comes in many chunks whole", async () => {
    const prompt = Array.from({ length: 20_000 }, (_, n) => `${n} cats`).join();
    const { wire } = await read([field("prompt", prompt)], { textBytes: 1e6 });
    expect(wire["prompt"] === prompt).toBe(true);
  });

  it("makes a list of what repeats, and of what ends in []", async () => {
    const { wire, kept } = await read([
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

  it("stores a picture before the next one comes", async () => {
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
    await read([file("a", "1"), file("b", "2")], { pictures });
    expect(order).toEqual(["open a", "stored a", "open b", "stored b"]);
  });

  it("takes a file field that a browser left empty for none, and refuses an empty file", async () => {
    const { wire } = await read([file("mask", "", ""), field("n", "")]);
    expect(wire).toEqual({ n: "" });
    const error = await failureOf(read([file("image[]", "a"), file("image[]", "", "b.png")]));
    expect(error).toEqual(new BodyError("image[1] is an empty file.", false, "image[1]"));
  });

  it("keeps names that objects have of their own", async () => {
    const { wire } = await read([field("__proto__", "1"), field("constructor", "2")]);
    expect(Object.entries(wire)).toEqual([
      ["__proto__", "1"],
      ["constructor", "2"],
    ]);
    expect(({} as Record<string, unknown>)["1"]).toBeUndefined();
  });

  it("tells at once of a picture that is none, and leaves what else storing throws to the end", async () => {
    const failing = new BodyError("image is of no known format.", false, "image");
    expect(await failureOf(read([file("image", "x"), file("image", "y")], { failing }))).toBe(failing);
    const { kept } = await read([file("image", "x"), file("image", "y")], { failing: new Error("R2") });
    expect(kept).toHaveLength(2);
  });

  it("holds its bounds", async () => {
    const limit = (name: string) => `${name} is too long: the text of a form may have 100 bytes in all.`;
    const long = "x".repeat(60);
    const text = { textBytes: 100 };
    expect(await failureOf(read([field("a", long), field("prompt", long)], text))).toEqual(
      new BodyError(limit("prompt"), true, "prompt"),
    );
    const name = `${"n".repeat(40)}...`;
    expect(await failureOf(read([field("n".repeat(101), "")], text))).toEqual(new BodyError(limit(name), true, name));
    expect((await read([file("image", "x".repeat(500))], text)).kept[0]?.content).toHaveLength(500);

    const big = [file("image", "x".repeat(500))];
    expect(await failureOf(read(big, { bytes: 400 }))).toEqual(
      new BodyError("The body is over the limit of 400 bytes.", true),
    );

    const many = Array.from({ length: 101 }, (_, n) => field(`f${n}`, ""));
    expect(await failureOf(read(many))).toEqual(new BodyError("The form has more than 100 parts."));
    expect(Object.keys((await read(many.slice(1))).wire)).toHaveLength(100);
  });

  it("says when the body broke off, between parts as well", async () => {
    const parts = [field("a", "1"), field("b", "2")];
    const whole = form(parts).length;
    for (const cut of [whole - 3, whole - 30, form(parts.slice(0, 1)).length - 4]) {
      expect(await failureOf(read(parts, { cut }))).toEqual(new BodyError("The body broke off."));
    }
  });
});
