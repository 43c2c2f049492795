// Components that are drawn again only when what they are given has changed.

import { Component, h, type ComponentType, type VNode } from "preact";

export function memo<P extends object>(draw: ComponentType<P> | ((props: P) => VNode)) {
  return class extends Component<P> {
    shouldComponentUpdate(next: P) {
      const now = this.props as P;
      return (Object.keys({ ...now, ...next }) as (keyof P)[]).some((key) => next[key] !== now[key]);
    }
    render(props: P) {
      return h(draw as ComponentType<P>, props);
    }
  };
}
