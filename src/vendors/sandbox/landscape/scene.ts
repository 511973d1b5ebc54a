import { random } from "./random.ts";

/** All input of a picture. It is in the picture's URL; the prompt is not. */
export interface Scene {
  width: number;
  height: number;
  /** The random key for everything that the fields below leave open. */
  key: string;
  time: (typeof TIMES)[number];
  place: (typeof PLACES)[number];
  snow: boolean;
  /** A lake in front of the land. */
  lake: boolean;
  /** A lighthouse by the sea. */
  lighthouse: boolean;
}

export const TIMES = ["day", "dawn", "sunset", "night"] as const;
export const PLACES = ["hills", "mountains", "forest", "desert", "sea"] as const;

type WordTable<T> = readonly (readonly [T, RegExp])[];

const TIME_WORDS: WordTable<Scene["time"]> = [
  ["night", /\b(nights?|midnight|star(s|ry|light)?|moon(light|lit)?|aurora|galaxy)\b|夜|星空|月[亮光色]|明月|极光/i],
  ["sunset", /\b(sunsets?|dusk|evening|twilight|afterglow)\b|日落|晚霞|黄昏|夕阳|傍晚|暮色/i],
  ["dawn", /\b(dawn|sunrise|morning|daybreak)\b|日出|黎明|清晨|早晨|朝霞/i],
  ["day", /\b(day|daylight|noon|sunny|blue sky)\b|白天|中午|晴/i],
];

const LIGHTHOUSE = /\blighthouses?\b|灯塔/i;

const PLACE_WORDS: WordTable<Scene["place"]> = [
  ["sea", LIGHTHOUSE],
  ["sea", /\b(seas?(side|shore)?|oceans?|beach(es)?|coasts?(al|line)?|harbou?rs?)\b|海(?!报)|港[口湾]/i],
  ["sea", /\b(islands?|waves|sail(boats?|ing)?|boats?|ships?)\b|岛|沙滩|帆|(?<![飞宙])船/i],
  ["forest", /\b(forests?|woods|woodland|jungle|pines?|trees)\b|森林|树林|丛林/i],
  ["desert", /\b(deserts?|dunes?|sahara|sand)\b|沙漠|沙丘|戈壁/i],
  ["mountains", /\b(mountains?|alps|alpine|peaks?|summit|volcano)\b|山/i],
  ["hills", /\b(hills?|meadows?|fields?|countryside|village|farm)\b|草原|田|丘陵|乡村/i],
];

const SNOW = /\b(snow(y|ing|fall)?|winter|ic[ey]|frozen|arctic|christmas)\b|雪|冬(?!瓜)|冰(?!箱)/i;
const LAKE = /\b(lakes?|rivers?|pond|reflections?|water)\b|湖|河|江|水(面|边|中|上|波)|池塘/i;

/**
 * Read a scene from a prompt's words. What they leave open follows from the prompt's fingerprint: one prompt always
 * gives the same kind of scene, and the seed varies its composition.
 */
export function readScene(prompt: string, fingerprint: string): Omit<Scene, "width" | "height" | "key"> {
  const rng = random(`${fingerprint}/scene`);
  const anyTime = rng.pick(["day", "day", "dawn", "sunset", "sunset", "night"] as const);
  const anyPlace = rng.pick(["hills", "mountains", "mountains", "forest", "desert", "sea"] as const);
  const snow = SNOW.test(prompt);
  const wet = LAKE.test(prompt);
  // Dunes do not fit a prompt with snow, nor does the sea fit a prompt with a lake.
  const fitting = snow || wet ? (anyPlace === "forest" || anyPlace === "hills" ? anyPlace : "mountains") : anyPlace;
  const place = firstMatch(PLACE_WORDS, prompt) ?? fitting;
  const time = firstMatch(TIME_WORDS, prompt) ?? anyTime;
  const inland = place !== "sea" && place !== "desert";
  const lake = wet || (inland && rng.chance(0.45));
  return { time, place, snow, lake, lighthouse: LIGHTHOUSE.test(prompt) };
}

function firstMatch<T>(table: WordTable<T>, prompt: string): T | undefined {
  return table.find(([, words]) => words.test(prompt))?.[0];
}
