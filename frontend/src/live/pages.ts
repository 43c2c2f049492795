// The pages that make something: Live, Mixer, Image.

import "./live.css";
import "./image.css";

export { ImagePage } from "./image";
export { LivePage } from "./live";
export { MixerPage } from "./mixer";
