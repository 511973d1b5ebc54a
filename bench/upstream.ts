// A separate process: the vendors and their CDN, answering from memory. Paths: /<size>/<framing>/<resource>.
import { httpResponse, serve } from "./http.ts";
import { picture, SIZES } from "./sizes.ts";

/** A typical chunk size of vendors' servers. */
const CHUNK = 16 * 1024;

/** Raw HTTP by path; built once, or on first use for large ones. */
const responses = new Map<string, Buffer[]>();

const port = await serve(({ path }) => {
  const [, size = "", framing = "", ...resource] = path.split("/");
  return { end: () => cachedResponse(size, framing, resource.join("/")) };
});
process.send?.({ port });
process.on("disconnect", () => process.exit(0));

function cachedResponse(size: string, framing: string, resource: string): Buffer[] {
  const key = `${size} ${framing} ${resource}`;
  let cached = responses.get(key);
  if (cached === undefined) responses.set(key, (cached = buildResponse(size, framing, resource)));
  return cached;
}

function buildResponse(size: string, framing: string, resource: string): Buffer[] {
  if (!(size in SIZES)) return httpResponse(`{"error":"no such size: ${size}"}`);
  const bytes = picture(size);
  // As long as the picture's base64, so that both are the same number of bytes on the wire.
  if (resource === "binary")
    return httpResponse(Buffer.alloc((bytes.length / 3) * 4, bytes), "content-type: image/png\r\n");
  if (resource === "picture.png") return httpResponse(bytes, "content-type: image/png\r\n");
  if (resource === "v1/images/generations")
    return httpResponse(JSON.stringify({ data: [{ url: `http://127.0.0.1:${port}/${size}/length/picture.png` }] }));
  const json = Buffer.from(geminiJson(bytes.toString("base64")));
  return framing === "length" ? httpResponse(json) : chunkedResponse(json);
}

function geminiJson(data: string): string {
  const parts = [{ inlineData: { mimeType: "image/png", data } }];
  const usageMetadata = { promptTokenCount: 12, candidatesTokenCount: 1290, totalTokenCount: 1302 };
  return JSON.stringify({ candidates: [{ content: { parts, role: "model" }, finishReason: "STOP" }], usageMetadata });
}

function chunkedResponse(body: Buffer): Buffer[] {
  const pieces = [
    Buffer.from("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"),
  ];
  for (let offset = 0; offset < body.length; offset += CHUNK) {
    const chunk = body.subarray(offset, offset + CHUNK);
    pieces.push(Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from("\r\n"));
  }
  return [Buffer.concat([...pieces, Buffer.from("0\r\n\r\n")])];
}
