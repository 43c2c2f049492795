// All parts that pages are made of.

export { Copy } from "./copy";
export { Curve, type Mark } from "./curve";
export { Blank, PartImage, StripImage, Thumb, TileImage } from "./pictures";
export { Announcer, announce, Failed, Say, Waiting, type SayKind } from "./say";
export { Slider } from "./slider";
