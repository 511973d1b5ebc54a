import type { StoredPicture } from "../../src/image/request.ts";
import { dimensions, detectType } from "../../src/image/detect-type.ts";
import type { Wire } from "../../src/image/wire.ts";
import { parseDocuments } from "../../src/stream/read-json.ts";
import { Hoist } from "../../src/stream/hoist.ts";
import { splice } from "../../src/stream/splice.ts";

/** Pictures in place of R2: bytes by key. */
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

/** A wire value as the other side gets it: small JSON, and the pictures that were in it. */
export interface Received {
  wire: unknown;
  pictures: StoredPicture[];
}

/** Writes a wire value as JSON, its pictures as base64, and reads it as it is read from the network. */
export async function sendAndReceive(wire: Wire, store: PictureStore): Promise<Received> {
  const body = splice(wire, async (picture) => new Blob([store.get(picture)]).stream());
  return receive(new Uint8Array(await new Response(body).arrayBuffer()), store);
}

/** Reads JSON bytes as they are read from the network. */
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
