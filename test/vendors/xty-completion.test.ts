import { expect, it } from "vitest";
import type { ParsedRequest } from "../../src/vendors/vendor.ts";
import { dialect } from "../../src/vendors/xty/dialect.ts";
import answers from "../fixtures/xty/answers.json" with { type: "json" };
import { sendAndReceive, PictureStore } from "./over-the-wire.ts";
import { sampleRecord, INLINE } from "./specimens.ts";

const documented = answers["成功响应"];
const store = new PictureStore();
const record = { ...sampleRecord(store), createdAt: "2024-01-01T00:00:00.000Z" };
const messages = [{ role: "user", content: "a cat" }];
const parse = (more: object = {}): ParsedRequest =>
  dialect.decode({ model: documented.model, messages, ...more }, [], new Headers());
const url = (n: number) => `https://easel.example/images/id/${n}`;
const content = (n: number) => `这是第 ${n + 1} 张图片:\n\n![image](${url(n)})`;

it("the dialect's response is the documented one, with the picture that the page lost and in `images`", () => {
  const choices = documented.choices.map(({ message, ...choice }, n) => ({
    ...choice,
    message: {
      ...message,
      content: expect.stringMatching(new RegExp(`^${message.content}`)) as string,
      images: [{ type: "image_url", image_url: { url: url(n) }, index: 0 }],
    },
  }));
  const answer = dialect.encode(record, parse());
  expect(answer).toEqual({ ...documented, choices });
  expect(answer).toMatchObject({ choices: [0, 1].map((n) => ({ message: { content: content(n) } })) });
});

it("the response has the pictures as data URIs if the client sets modalities", async () => {
  const { wire, pictures } = await sendAndReceive(
    dialect.encode(record, parse({ modalities: ["image", "text"] })),
    store,
  );
  const image = (n: number, type: string) => ({
    content: content(n),
    images: [{ image_url: { url: `data:${type};base64,hoisted:${n}` } }],
  });
  expect(wire).toMatchObject({ choices: [{ message: image(0, "image/png") }, { message: image(1, "image/webp") }] });
  expect(pictures[0] && store.get(pictures[0])).toEqual(INLINE);
});

it("a stream has well-formed chunks of one completion", () => {
  const head = { id: documented.id, object: "chat.completion.chunk", created: 1704067200, model: documented.model };
  const chunk = (index: number, delta: object, finish_reason: string | null = null) => ({
    data: { ...head, choices: [{ index, delta, finish_reason }] },
  });
  const choice = (n: number) => [
    chunk(n, { role: "assistant", content: "" }),
    chunk(n, { content: content(n) }),
    chunk(n, { images: [{ type: "image_url", image_url: { url: url(n) }, index: 0 }] }),
    chunk(n, {}, "stop"),
  ];
  expect(dialect.events?.(record, parse({ stream: true }))).toEqual([...choice(0), ...choice(1), { data: "[DONE]" }]);
});

it("a stream has a last chunk with usage only if the client requested it", () => {
  const events = dialect.events?.(record, parse({ stream: true, stream_options: { include_usage: true } })) ?? [];
  expect(events).toHaveLength(10);
  for (const { data } of events.slice(0, 8)) expect(data).toMatchObject({ usage: null });
  expect(events[8]?.data).toMatchObject({ id: documented.id, choices: [], usage: documented.usage });
  expect(events[9]).toEqual({ data: "[DONE]" });
});

it("the dialect writes errors in the documented form", () => {
  const error = { code: "invalid_request", message: "no", field: "messages" } as Parameters<
    typeof dialect.encodeError
  >[0];
  expect(dialect.encodeError(error, "req-1")).toEqual({
    status: 400,
    body: { error: { message: "no", type: "invalid_request_error", param: "messages", code: null } },
  });
});
