// A separate process: the vendors and their CDN, answering from memory. Paths: /<size>/<framing>/<what>.
import { answer, listen } from "./http.ts";
import { picture, SIZES } from "./sizes.ts";

/** A typical chunk size of vendors' servers. */
const CHUNK = 16 * 1024;

/** Raw HTTP by path; built once, or on first use for large ones. */
const answers = new Map<string, Buffer[]>();

const port = await listen(({ path }) => {
  const [, size = "", framing = "", ...what] = path.split("/");
  return { end: () => answerFor(size, framing, what.join("/")) };
});
process.send?.({ port });
process.on("disconnect", () => process.exit(0));

function answerFor(size: string, framing: string, what: string): Buffer[] {
  const key = `${size} ${framing} ${what}`;
  let made = answers.get(key);
  if (made === undefined) answers.set(key, (made = make(size, framing, what)));
  return made;
}

function make(size: string, framing: string, what: string): Buffer[] {
  if (!(size in SIZES)) return answer(`{"error":"no such size: ${size}"}`);
  const bytes = picture(size);
  // As long as the picture's base64, so that both are the same number of bytes on the wire.
  if (what === "binary") return answer(Buffer.alloc((bytes.length / 3) * 4, bytes), "content-type: image/png\r\n");
  if (what === "picture.png") return answer(bytes, "content-type: image/png\r\n");
  if (what === "v1/images/generations")
    return answer(JSON.stringify({ data: [{ url: `http://127.0.0.1:${port}/${size}/length/picture.png` }] }));
  const json = Buffer.from(gemini(bytes.toString("base64")));
  return framing === "length" ? answer(json) : chunks(json);
}

function gemini(data: string): string {
  const parts = [{ inlineData: { mimeType: "image/png", data } }];
  const usageMetadata = { promptTokenCount: 12, candidatesTokenCount: 1290, totalTokenCount: 1302 };
  return JSON.stringify({ candidates: [{ content: { parts, role: "model" }, finishReason: "STOP" }], usageMetadata });
}

function chunks(body: Buffer): Buffer[] {
  const pieces = [
    Buffer.from("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"),
  ];
  for (let at = 0; at < body.length; at += CHUNK) {
    const chunk = body.subarray(at, at + CHUNK);
    pieces.push(Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from("\r\n"));
  }
  return [Buffer.concat([...pieces, Buffer.from("0\r\n\r\n")])];
}
