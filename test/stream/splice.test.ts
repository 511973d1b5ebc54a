import { describe, expect, it } from "vitest";
import type { StoredPicture } from "../../src/image/request.ts";
import { InlineImage, type Wire } from "../../src/image/wire.ts";
import { parseDocuments } from "../../src/stream/read-json.ts";
import { splice, spliceEvents } from "../../src/stream/splice.ts";
import { picture } from "./document.ts";
import { chunks, Random } from "./random.ts";
import { hoist } from "./sinks.ts";
import { drain, equal, failureOf, pause, source } from "./streams.ts";

/** Bytes that `writeBase64` reads at once. */
const PIECE = 192 * 1024;
const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64");
const storedPicture = (key: string, bytes: number): StoredPicture => ({
  key,
  type: "image/png",
  width: 0,
  height: 0,
  bytes,
});

/** Create a store of pictures by key, and a function that opens them. */
function pictureStore(...contents: Uint8Array[]) {
  const opened: string[] = [];
  return {
    pictures: contents.map((bytes, n) => storedPicture(String(n), bytes.length)),
    opened,
    open: async ({ key }: StoredPicture) => {
      opened.push(key);
      return new Response(contents[Number(key)]).body as ReadableStream<Uint8Array>;
    },
  };
}

async function textOf(body: string | ReadableStream<Uint8Array>): Promise<string> {
  return typeof body === "string" ? body : Buffer.from(await drain(body)).toString("utf8");
}

/** Return the JSON with the pictures as texts, written by JSON.stringify. */
function stringifyWith(wire: Wire, contents: Uint8Array[]): string {
  return JSON.stringify(wire, (_, value: unknown) =>
    value instanceof InlineImage ? value.prefix + base64(contents[Number(value.picture.key)] as Uint8Array) : value,
  );
}

describe("splice", () => {
  it("splice writes the same JSON as JSON.stringify, of the declared length, for pictures of any size", async () => {
    const random = new Random(11);
    for (const size of [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE + 2]) {
      const contents = [random.bytes(size), random.bytes(7)];
      const { pictures, open } = pictureStore(...contents);
      const [one, two] = pictures as [StoredPicture, StoredPicture];
      const wire: Wire = {
        prompt: 'é 🐈 "quoted" hoisted:0 \u2028',
        none: undefined,
        images: [
          new InlineImage(one),
          { url: new InlineImage(two, 'data:image/"png";é🐈,base64,') },
          [],
          {},
          null,
          undefined,
        ],
        ratio: 1.5,
        last: new InlineImage(one),
      };
      // A FixedLengthStream fails if it gets another number of bytes than declared.
      const text = await textOf(splice(wire, open));
      expect(text === stringifyWith(wire, contents)).toBe(true);
    }
  });

  it("splice writes a value that is only a picture", async () => {
    const contents = [Uint8Array.of(1, 2, 3, 4)];
    const { pictures, open } = pictureStore(...contents);
    expect(await textOf(splice(new InlineImage(pictures[0] as StoredPicture, "p"), open))).toBe('"pAQIDBA=="');
  });

  it("splice returns a string without pictures, and keeps a text that looks like a placeholder", () => {
    const wire = {
      prompt: "hoisted:0 data:image/png;base64,hoisted:1",
      "hoisted:0": "é",
      lone: "\ud800",
      __proto__: null,
    };
    expect(splice(wire, pictureStore().open)).toBe(JSON.stringify(wire));
  });

  it("splice reverses hoist", async () => {
    const random = new Random(12);
    const contents = [picture(random, 100_001).bytes, picture(random, 500_000).bytes];
    const { pictures, open } = pictureStore(...contents);
    const wire: Wire = { a: pictures.map((one) => new InlineImage(one)), t: "hoisted:7" };
    const { skeleton, sinks } = hoist(chunks(await drain(splice(wire, open) as ReadableStream<Uint8Array>), 16_384));
    expect(parseDocuments(skeleton)).toEqual({ a: ["hoisted:0", "hoisted:1"], t: "hoisted:7" });
    expect(sinks.every((sink, k) => equal(sink.bytes, contents[k] as Uint8Array))).toBe(true);
  });

  it("splice opens each picture only when it is needed", async () => {
    const contents = [new Uint8Array(PIECE), new Uint8Array(5)];
    const { pictures, open, opened } = pictureStore(...contents);
    const wire = pictures.map((one) => new InlineImage(one));
    const body = splice(wire, open) as ReadableStream<Uint8Array>;
    await pause(20);
    expect(opened).toEqual([]);
    const reader = body.getReader();
    await reader.read();
    await pause(20);
    expect(opened).toEqual(["0"]);
    await reader.cancel();
    expect((await textOf(splice(wire, open))) === stringifyWith(wire, contents)).toBe(true);
    expect(opened).toEqual(["0", "0", "1"]);
  });

  it("splice does not read ahead of a slow reader, and cancels the picture when the reader leaves", async () => {
    const { stream, seen } = source(chunks(new Uint8Array(40 * PIECE), 65_536));
    const body = splice([new InlineImage(storedPicture("0", 40 * PIECE))], () => Promise.resolve(stream));
    const reader = (body as ReadableStream<Uint8Array>).getReader();
    await reader.read();
    await reader.read();
    await pause(50);
    expect(seen.pulled).toBeLessThanOrEqual(4 * PIECE);
    await reader.cancel(new Error("gone"));
    await pause(20);
    expect(seen.cancelled).toBeInstanceOf(Error);
  });

  it("splice breaks off, and never ends normally, if a picture cannot be read completely", async () => {
    const part = chunks(new Uint8Array(2 * PIECE), 10_000);
    const spliced = (bytes: number, open: () => Promise<ReadableStream<Uint8Array>>) =>
      drain(splice({ a: new InlineImage(storedPicture("0", bytes)) }, open) as ReadableStream<Uint8Array>);
    await failureOf(spliced(3 * PIECE, () => Promise.resolve(source(part, "error").stream)));
    await failureOf(spliced(3 * PIECE, () => Promise.resolve(source(part).stream)));
    await failureOf(spliced(PIECE, () => Promise.resolve(source(part).stream)));
    await failureOf(spliced(PIECE, () => Promise.reject(new Error("no such object"))));
    expect((await spliced(2 * PIECE, () => Promise.resolve(source(part).stream))).length).toBeGreaterThan(2 * PIECE);
  });
});

describe("spliceEvents", () => {
  it("spliceEvents writes one event after the other, of the declared length", async () => {
    const contents = [new Random(13).bytes(1_000), new Random(14).bytes(1)];
    const { pictures, open } = pictureStore(...contents);
    const [one, two] = pictures as [StoredPicture, StoredPicture];
    const events = [
      { event: "image.done", data: { text: "a\nb", picture: new InlineImage(one) } },
      { data: [new InlineImage(two, "data:,"), "c"] },
      { data: "[DONE]" },
    ];
    const expected = [
      `event: image.done\ndata: ${stringifyWith(events[0]?.data, contents)}\n\n`,
      `data: ${stringifyWith(events[1]?.data, contents)}\n\n`,
      "data: [DONE]\n\n",
    ];
    expect(await textOf(spliceEvents(events, open))).toBe(expected.join(""));
  });

  it("spliceEvents returns a string without pictures", () => {
    const events = [{ event: "error", data: { error: { message: "no" } } }, { data: {} }];
    expect(spliceEvents(events, pictureStore().open)).toBe(
      'event: error\ndata: {"error":{"message":"no"}}\n\ndata: {}\n\n',
    );
  });
});
