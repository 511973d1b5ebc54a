// A separate process behind the Worker's R2 and KV bindings, in workerd's binding protocol. It stores no bytes: a get
// returns the picture of that size, the same that the upstream sent.
import { type BodyHandler, type Head, httpResponse, serve } from "./http.ts";
import { picture, SIZES } from "./sizes.ts";

interface Operation {
  method: string;
  object?: string;
  uploadId?: string;
}

const sizes = new Map<string, number>();
const uploads = new Map<string, number>();
/** The most objects remembered; the oldest leave first. */
const MAX_OBJECTS = 1_000;
const pictures = new Map(Object.keys(SIZES).map((size) => [picture(size).length, picture(size)]));
let count = 0;

const port = await serve((head) =>
  head.method === "PUT" && head.header("cf-r2-metadata-size") ? receivePut(head) : respondToGet(head),
);
process.send?.({ port });
process.on("disconnect", () => process.exit(0));

/** A put: its metadata as JSON, then the bytes, which are counted. */
function receivePut(head: Head): BodyHandler {
  const metaBytes = Number(head.header("cf-r2-metadata-size"));
  let text = "";
  let bytes = 0;
  return {
    data(chunk) {
      if (bytes < metaBytes) text += chunk.toString("latin1", 0, Math.min(chunk.length, metaBytes - bytes));
      bytes += chunk.length;
    },
    end: () => applyOperation(JSON.parse(text) as Operation, bytes - metaBytes),
  };
}

function applyOperation({ method, object = "", uploadId = "" }: Operation, bytes: number): Buffer[] {
  switch (method) {
    case "put":
      return r2Response(storeSize(object, bytes));
    case "createMultipartUpload":
      uploads.set(String(++count), 0);
      return r2Response({ uploadId: String(count) });
    case "uploadPart":
      uploads.set(uploadId, (uploads.get(uploadId) ?? 0) + bytes);
      return r2Response({ etag: String(bytes) });
    case "completeMultipartUpload": {
      const size = uploads.get(uploadId) ?? 0;
      uploads.delete(uploadId);
      return r2Response(storeSize(object, size));
    }
    case "delete":
      sizes.delete(object);
  }
  return httpResponse("");
}

/** A get of an object; every other request is KV, which is empty. */
function respondToGet(head: Head): BodyHandler {
  const request = head.header("cf-r2-request");
  if (request === undefined) return { end: () => httpResponse('{"keys":[],"list_complete":true}') };
  const { object = "" } = JSON.parse(request) as Operation;
  const bytes = pictures.get(sizes.get(object) ?? -1);
  if (bytes === undefined) {
    const error = JSON.stringify({ version: 1, v4code: 10_007, message: "no such object" });
    return { end: () => [Buffer.from(`HTTP/1.1 404 Not Found\r\ncf-r2-error: ${error}\r\ncontent-length: 0\r\n\r\n`)] };
  }
  return { end: () => r2Response(objectMetadata(object, bytes.length), bytes) };
}

function storeSize(object: string, size: number): object {
  sizes.set(object, size);
  const oldest = sizes.size > MAX_OBJECTS ? sizes.keys().next().value : undefined;
  if (oldest !== undefined) sizes.delete(oldest);
  return objectMetadata(object, size);
}

function objectMetadata(name: string, size: number): object {
  const etag = "0123456789abcdef0123456789abcdef";
  return { name, version: etag, size, etag, uploaded: 0, httpFields: {}, customFields: [], checksums: { 0: etag } };
}

/** An answer of the protocol: metadata as JSON, then the object's bytes. */
function r2Response(meta: object, body?: Buffer): Buffer[] {
  const text = Buffer.from(JSON.stringify(meta));
  const length = text.length + (body?.length ?? 0);
  const head = `HTTP/1.1 200 OK\r\ncf-r2-metadata-size: ${text.length}\r\ncontent-length: ${length}\r\n\r\n`;
  const start = Buffer.concat([Buffer.from(head), text]);
  return body === undefined ? [start] : [start, body];
}
