import type { StoredPicture } from "../../src/image/request.ts";
import { dimensions, detectType } from "../../src/image/detect-type.ts";
import type { Wire } from "../../src/image/wire.ts";
import { parseDocuments } from "../../src/stream/read-json.ts";
import { Hoist } from "../../src/stream/hoist.ts";
import { splice } from "../../src/stream/splice.ts";

/** An in-memory picture store instead of R2: bytes by key. */
export class PictureStore {
  private readonly bytes = new Map<string, Uint8Array>();

  put(bytes: Uint8Array): StoredPicture {
    const key = `picture-${this.bytes.size}`;
    const type = detectType(bytes) ?? "";
    this.bytes.set(key, bytes);
    return { key, type, width: 0, height: 0, ...dimensions(type, bytes), bytes: bytes.length };
  }

  get({ key }: StoredPicture): Uint8Array {
    return this.bytes.get(key) ?? new Uint8Array();
  }
}

/** A received wire value: the skeleton, and the pictures that were hoisted out of it. */
export interface Received {
  wire: unknown;
  pictures: StoredPicture[];
}

/** Write a wire value as JSON with base64 pictures, and read it in the way the gateway reads from the network. */
export async function sendAndReceive(wire: Wire, store: PictureStore): Promise<Received> {
  const body = splice(wire, async (picture) => new Blob([store.get(picture)]).stream());
  return receive(new Uint8Array(await new Response(body).arrayBuffer()), store);
}

/** Read JSON bytes in the way the gateway reads them from the network. */
export function receive(json: Uint8Array, store: PictureStore): Received {
  const sinks: Uint8Array[][] = [];
  const hoist = new Hoist({
    open: () => {
      const parts: Uint8Array[] = [];
      sinks.push(parts);
      let room = new Uint8Array(0);
      return {
        reserve: () => (room = new Uint8Array(3_000)),
        advance: (bytes) => void parts.push(room.subarray(0, bytes)),
      };
    },
    skeletonBytes: 1_000_000,
    depth: 64,
  });
  hoist.push(json);
  const wire = parseDocuments(hoist.end());
  return { wire, pictures: sinks.map((parts) => store.put(new Uint8Array(Buffer.concat(parts)))) };
}
