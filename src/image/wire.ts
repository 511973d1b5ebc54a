import type { StoredPicture } from "./request.ts";

/** A stored picture inside a wire value: it is sent as base64 after `prefix`, such as the start of a data URI. */
export class InlineImage {
  readonly picture: StoredPicture;
  readonly prefix: string;

  constructor(picture: StoredPicture, prefix = "") {
    this.picture = picture;
    this.prefix = prefix;
  }
}

/** Return a picture that is sent as a data URI. */
export function dataUri(picture: StoredPicture): InlineImage {
  return new InlineImage(picture, `data:${picture.type};base64,`);
}

/** A JSON value to send, which may contain pictures; undefined properties are omitted. */
export type Wire = string | number | boolean | null | undefined | InlineImage | Wire[] | { [key: string]: Wire };

/** A server-sent event; `data` is sent as JSON, a string unchanged. */
export interface ServerSentEvent {
  event?: string;
  data: Wire;
}

/** Return the text that replaces the base64 of hoisted picture `index` in a skeleton. */
export function placeholder(index: number): string {
  return `hoisted:${index}`;
}

const HOISTED = /^\s*(?:data:[^,]*;base64,)?hoisted:(\d+)\s*$/;

/** Return which hoisted picture a text of a skeleton represents, bare or as a data URI; undefined if it is none. */
export function placeholderIndex(text: string): number | undefined {
  const index = HOISTED.exec(text)?.[1];
  return index === undefined ? undefined : Number(index);
}
