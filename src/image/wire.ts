import type { StoredPicture } from "./request.ts";

/** The place in a wire value where a stored picture's base64 goes, after `prefix` (as of a data URI). */
export class InlineImage {
  readonly picture: StoredPicture;
  readonly prefix: string;

  constructor(picture: StoredPicture, prefix = "") {
    this.picture = picture;
    this.prefix = prefix;
  }
}

/** A picture as a data URI. */
export function dataUri(picture: StoredPicture): InlineImage {
  return new InlineImage(picture, `data:${picture.type};base64,`);
}

/** A JSON value to send, with pictures in it; undefined members are left out. */
export type Wire = string | number | boolean | null | undefined | InlineImage | Wire[] | { [key: string]: Wire };

/** One server-sent event; `data` is sent as JSON, a string as it is. */
export interface Event {
  event?: string;
  data: Wire;
}

/** What stands in a skeleton for the base64 of hoisted picture `index`. */
export function placeholder(index: number): string {
  return `hoisted:${index}`;
}

const HOISTED = /^\s*(?:data:[^,]*;base64,)?hoisted:(\d+)\s*$/;

/** Which hoisted picture a text of a skeleton stands for, bare or as a data URI; undefined if it stands for none. */
export function placeholderIndex(text: string): number | undefined {
  const index = HOISTED.exec(text)?.[1];
  return index === undefined ? undefined : Number(index);
}
