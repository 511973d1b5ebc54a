import { type Color, LANDS, type Light, LIGHTS, mix, skyAt, SNOW } from "./colors.ts";
import { random } from "./random.ts";
import type { Scene } from "./scene.ts";

/** A scene with the values that its parts share. Lengths are in pixels. */
export interface Setting extends Scene {
  /** True if there is water below the horizon. */
  wet: boolean;
  /** The scale of all objects, so that they keep their proportions in both wide and tall pictures. */
  unit: number;
  horizon: number;
  /** The sun or the moon. */
  disc: { x: number; y: number; radius: number };
  light: Light;
  /** The colours of land and firs in daylight, and the colour that distance fades to. */
  land: Color;
  firs: Color;
  haze: Color;
}

/** Choose the light, the colours, and the positions of the horizon and the sun. */
export function composeSetting(scene: Scene): Setting {
  const { width, height, key, time, place } = scene;
  const rng = random(`${key}/composition`);
  const light = rng.pick(LIGHTS[time]);
  const land = rng.pick(LANDS[place]);
  const firs = place === "forest" ? land : mix(land, rng.pick(LANDS.forest), 0.6);
  const unit = Math.min(height, Math.sqrt(width * height));
  const horizon = height * (place === "sea" ? rng.between(0.5, 0.62) : rng.between(0.56, 0.66));
  const disc = {
    x: width * (rng.chance(0.5) ? rng.between(0.2, 0.42) : rng.between(0.58, 0.8)),
    y: horizon * (time === "day" || time === "night" ? rng.between(0.2, 0.5) : rng.between(0.58, 0.86)),
    radius: unit * (time === "day" ? 0.038 : rng.between(0.05, 0.075)),
  };
  // By day, distance is blue; when the sun is low, it has the glow of the horizon.
  const air = mix(skyAt(light, time === "day" && place !== "desert" ? 0.62 : 0.94), light.glow, 0.15);
  // Dust over a desert keeps the far dunes from fading.
  const haze = place === "desert" && !scene.snow ? mix(air, land, 0.45 * (1 - light.dim)) : air;
  const wet = scene.lake || place === "sea";
  return { ...scene, wet, unit, horizon, disc, light, land: scene.snow ? SNOW : land, firs, haze };
}
