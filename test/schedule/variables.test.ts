import { describe, expect, it } from "vitest";
import { checkVariables, fillVariables } from "../../src/schedule/variables.ts";

const values = { date: "2026-11-20", time: "08:00", weekday: "Friday", counter: "7", item: "a {{date}} $& fox" };

describe("variables", () => {
  it("variables in any text, with or without spaces, are replaced once", () => {
    const wire = { prompt: "{{item}} on {{ weekday }}, {{date}} {{time}}", turns: [{ text: "No. {{counter}}" }], n: 1 };
    expect(fillVariables(wire, values)).toEqual({
      prompt: "a {{date}} $& fox on Friday, 2026-11-20 08:00",
      turns: [{ text: "No. 7" }],
      n: 1,
    });
  });

  it("the search for variables takes linear time, whatever the text", () => {
    for (const text of [
      `{{${" ".repeat(60_000)}`,
      "{{ ".repeat(20_000),
      "{".repeat(60_000),
      `{{${" x".repeat(30_000)}`,
    ]) {
      expect(fillVariables({ prompt: text }, values)).toEqual({ prompt: text });
      expect(() => checkVariables({ prompt: text }, "request", undefined)).not.toThrow();
    }
  });

  it("texts of rotate that make a request too large are refused", () => {
    const many = { prompt: "x", user: "{{item}}".repeat(4_000) };
    expect(() => checkVariables(many, "request", ["y".repeat(100)])).toThrow("request.user is too long");
    expect(() => checkVariables(many, "request", ["y".repeat(10)])).not.toThrow();
    const long = { prompt: "{{item}}", user: "z".repeat(50_000) };
    expect(() =>
      checkVariables(
        long,
        "request",
        Array.from({ length: 366 }, () => "a"),
      ),
    ).toThrow("rotate has too many");
  });

  it("everything else in a request stays unchanged", () => {
    const wire = { prompt: "{date} { {date} } {{}", seed: 4, flag: null };
    expect(fillVariables(wire, values)).toEqual(wire);
    expect(() => checkVariables(wire, "request", undefined)).not.toThrow();
  });

  it.each([
    [
      { prompt: "{{datum}}" },
      undefined,
      "request.prompt has {{datum}}, which is no variable here; there are {{date}}, {{time}}, {{weekday}}, {{counter}}, {{item}}.",
    ],
    [{ a: [{ b: "{{toString}}" }] }, undefined, "request.a[0].b has {{toString}}"],
    [{ prompt: "{{}}" }, undefined, "request.prompt has {{}}"],
    [{ prompt: "{{item}}" }, undefined, "request.prompt has {{item}}, which needs a list in rotate"],
    [{ prompt: "{{item}}" }, ["{{date}}", "{{datum}}"], "rotate[1] has {{datum}}, which is no variable here"],
    [
      { prompt: "{{item}}" },
      ["a {{ item }}"],
      "rotate[0] has {{item}}, which is no variable here; there are {{date}}, {{time}}, {{weekday}}, {{counter}}.",
    ],
    [{ prompt: "a cat" }, ["a"], "rotate is used nowhere: put {{item}}"],
  ])("an unknown variable or an unused rotate is refused: %j", (wire, rotate, says) => {
    expect(() => checkVariables(wire, "request", rotate)).toThrow(says);
  });
});
