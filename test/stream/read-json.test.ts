import { describe, expect, it } from "vitest";
import { BodyError } from "../../src/stream/body-error.ts";
import { parseDocuments } from "../../src/stream/read-json.ts";

describe("parseDocuments", () => {
  it("parseDocuments reads one JSON value of any type", () => {
    expect(parseDocuments(' \r\n{"a":[1]} ')).toEqual({ a: [1] });
    expect(parseDocuments("[1,2]")).toEqual([1, 2]);
    expect(parseDocuments("null")).toBeNull();
  });

  it("parseDocuments reads server-sent events and skips other lines between them", () => {
    const events = [
      'data: {"a":1}',
      "event: x\nid: 7\ndata:2",
      ": note",
      "retry: 5",
      'data: {"b":\ndata: 3}',
      "data: [DONE]",
    ];
    for (const line of ["\n", "\r\n"]) {
      const text = events.join("\n\n").replaceAll("\n", line) + line + line;
      expect(parseDocuments(text)).toEqual([{ a: 1 }, 2, { b: 3 }]);
      expect(parseDocuments(`: first${line}${line}${text.trimEnd()}`)).toEqual([{ a: 1 }, 2, { b: 3 }]);
    }
    expect(parseDocuments('data: "data: 1"\n\n')).toEqual(["data: 1"]);
  });

  it.each([
    "",
    "  \n",
    "<html>",
    '{"a":1',
    '{"a":1}}',
    '{"a":1}{"b":2}',
    "data",
    "data:",
    "data: [DONE]\n\n",
    ": nothing but notes\n\n",
    'data: {"a":1}\n\ndata: {"b"',
    "data: <html>\n\n",
    '{"a":"\u0000"}',
  ])("parseDocuments rejects %j", (text) => {
    expect(() => parseDocuments(text)).toThrow(BodyError);
  });
});
