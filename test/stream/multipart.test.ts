import { describe, expect, it } from "vitest";
import { BodyError } from "../../src/stream/body-error.ts";
import { Multipart } from "../../src/stream/multipart.ts";
import { boundaryOf, readPartHead } from "../../src/stream/multipart.ts";
import { BOUNDARY, field, file, form } from "./forms.ts";
import { chunks, Random } from "./random.ts";
import { failureOf } from "./streams.ts";

/** The head of each part, and its bytes as latin1, which is unambiguous. */
type SplitParts = { name: string; filename?: string; content: string }[];

async function splitForm(parts: Iterable<Uint8Array>, boundary = BOUNDARY): Promise<SplitParts> {
  const found: SplitParts = [];
  const ended = new Set<object>();
  const multipart = new Multipart(boundary, (head) => {
    if (ended.size < found.length) throw new Error("a part began before the last one ended");
    const part: SplitParts[number] = { ...head, content: "" };
    found.push(part);
    return {
      write: async (bytes) => {
        await Promise.resolve();
        part.content += Buffer.from(bytes).toString("latin1");
      },
      end: () => void ended.add(part),
    };
  });
  for (const part of parts) {
    const reused = part.slice();
    await multipart.push(reused);
    // Overwrite the memory, as the pump does.
    reused.fill(0x2a);
  }
  multipart.end();
  expect(ended.size).toBe(found.length);
  return found;
}

const ALMOST_BOUNDARIES = [
  `\r\n--${BOUNDARY.slice(0, -1)}`,
  "\r\n",
  "\r",
  "\n",
  "--",
  "\r\r\n-",
  `--${BOUNDARY}`,
  "\r\n\r\n",
];

describe("Multipart", () => {
  it("the parts are the same wherever the body is split", async () => {
    const body = form([
      field("a", "1"),
      file("image", `x${ALMOST_BOUNDARIES.join("y")}z\r\n-`),
      field("empty", ""),
      field("b", "é"),
    ]);
    const expected = [
      { name: "a", content: "1" },
      { name: "image", filename: "blob", content: `x${ALMOST_BOUNDARIES.join("y")}z\r\n-` },
      { name: "empty", content: "" },
      { name: "b", content: "Ã©" },
    ];
    expect(await splitForm([body])).toEqual(expected);
    expect(await splitForm(chunks(body, 1))).toEqual(expected);
    for (let index = 1; index < body.length; index++) {
      expect([index, await splitForm([body.subarray(0, index), body.subarray(index)])]).toEqual([index, expected]);
    }
  });

  it("every byte of any content is returned, in chunks of any size", async () => {
    const random = new Random(51);
    for (let round = 0; round < 60; round++) {
      const pieces = Array.from({ length: random.int(0, 12) }, () =>
        random.chance(0.5)
          ? Buffer.from(random.pick(ALMOST_BOUNDARIES))
          : Buffer.from(random.bytes(random.int(0, 4_000))),
      );
      // A form's writer chooses a boundary that no content contains after a line break.
      const content = Buffer.from(
        Buffer.concat(pieces).toString("latin1").replaceAll(`\r\n--${BOUNDARY}`, ""),
        "latin1",
      );
      const body = form([file("image", content), field("n", "2")]);
      const [image, n] = await splitForm(chunks(body, random));
      expect(image?.content === content.toString("latin1")).toBe(true);
      expect(n).toEqual({ name: "n", content: "2" });
    }
  });

  it("a form written by the platform's FormData is read", async () => {
    const data = new FormData();
    data.append("prompt", "two\r\nlines, 一只猫");
    data.append("image[]", new File([Uint8Array.of(0, 13, 10, 255)], '猫 "1".png', { type: "image/png" }));
    const response = new Response(data);
    const bytes = new Uint8Array(await response.arrayBuffer());
    const [prompt, image] = await splitForm([bytes], boundaryOf(response.headers.get("content-type")));
    expect(Buffer.from(prompt?.content ?? "", "latin1").toString()).toBe("two\r\nlines, 一只猫");
    expect(image).toEqual({
      name: "image[]",
      filename: expect.stringContaining("猫") as string,
      content: "\0\r\n\xff",
    });
  });

  it("a preamble, an epilogue and blanks after a boundary are accepted", async () => {
    const body = `a preamble\r\n--B \t\r\n${field("a", "")[0]}\r\n\r\n1\r\n--B--\r\nan epilogue\r\n--B\r\n\r\n`;
    expect(await splitForm([Buffer.from(body)], "B")).toEqual([{ name: "a", content: "1" }]);
    expect(await splitForm([Buffer.from("--B--")], "B")).toEqual([]);
  });

  it("a truncated body and a body that is not a form are reported", async () => {
    const body = form([field("a", "1"), file("image", "picture")]);
    const ends = Array.from({ length: body.length - 4 }, (_, index) => index).filter(
      (index) => index > BOUNDARY.length + 2,
    );
    for (const end of ends) {
      const error = await failureOf(splitForm([body.subarray(0, end)]));
      expect([end, error]).toEqual([end, new BodyError("The body broke off.")]);
    }
    for (const other of ["", "{}", "--other\r\n\r\n"]) {
      const error = await failureOf(splitForm([Buffer.from(other)]));
      expect(error).toEqual(new BodyError("The boundary that content-type names is nowhere in the body."));
    }
  });

  it("an endless header and a part without a name are rejected", async () => {
    const long = `--B\r\nContent-Disposition: form-data; name="${"x".repeat(20_000)}`;
    expect(await failureOf(splitForm(chunks(Buffer.from(long), 1_000), "B"))).toMatchObject({
      name: "BadBody",
      message: "A part of the form has too long a header.",
    });
    for (const head of [
      "",
      'Content-Disposition: form-data; filename="a.png"',
      'Content-Disposition: form-data; name=""',
    ]) {
      const error = await failureOf(splitForm([form([[head, "1"]])]));
      expect(error).toMatchObject({ name: "BadBody", message: expect.stringContaining("has no name") as string });
    }
  });
});

describe("readPartHead", () => {
  const named = { name: "image", filename: "a.png" };
  it.each<[head: string, read: object]>([
    ['Content-Disposition: form-data; name="image"; filename="a.png"', named],
    ["content-disposition:form-data;name=image;filename=a.png", named],
    ['CONTENT-DISPOSITION: form-data; filename="a.png"; name="image"', named],
    ['X-Other: name="no"\r\nContent-Disposition: form-data; name="image" ; filename="a.png" ', named],
    [
      'Content-Disposition: form-data; name="a"; filename="; name=b\\"; name=c.png"',
      { name: "a", filename: '; name=b"; name=c.png' },
    ],
    [
      'Content-Disposition: form-data; name="image"; filename="一只猫🐈\u2028.png"',
      { name: "image", filename: "一只猫🐈\u2028.png" },
    ],
    ["Content-Disposition: form-data; name=\"image\"; filename*=UTF-8''%ff", { name: "image", filename: "UTF-8''%ff" }],
    ['Content-Disposition: form-data; name="image"; filename=""', { name: "image", filename: "" }],
    ['Content-Disposition: form-data; name="image"\r\nContent-Type: image/png', { name: "image", filename: "blob" }],
    [
      'Content-Type: application/octet-stream\r\nContent-Disposition: form-data; name="x"',
      { name: "x", filename: "blob" },
    ],
    ['Content-Disposition: form-data; name="n"\r\nContent-Type: text/plain; charset=utf-8', { name: "n" }],
    ['Content-Disposition: form-data; name="o[a]"', { name: "o[a]" }],
  ])("readPartHead reads %s", (head, read) => {
    expect(readPartHead(`\r\n${head}`)).toEqual(read);
  });
});

describe("boundaryOf", () => {
  it.each<[type: string | null, boundary: string | undefined]>([
    ["multipart/form-data; boundary=B", "B"],
    ['Multipart/Form-Data; charset=utf-8; boundary="a b"', "a b"],
    ["multipart/form-data;boundary=----WebKitFormBoundary7MA4YWxkTrZu0gW", "----WebKitFormBoundary7MA4YWxkTrZu0gW"],
    ["application/json; boundary=B", undefined],
    ["multipart/form-database; boundary=B", undefined],
    ["multipart/mixed; boundary=B", undefined],
    [null, undefined],
  ])("boundaryOf reads %s", (type, boundary) => {
    expect(boundaryOf(type)).toBe(boundary);
  });

  it.each([
    "multipart/form-data",
    "multipart/form-data; boundary=",
    `multipart/form-data; boundary=${"x".repeat(201)}`,
  ])("boundaryOf rejects %s", (type) => {
    const message = "content-type must name the boundary, as in multipart/form-data; boundary=x.";
    expect(() => boundaryOf(type)).toThrow(new BodyError(message));
  });
});
