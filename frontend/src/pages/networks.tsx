// Which network: shown where there are several, or none.

import { useSite } from "../context";
import { Page } from "../frame";
import { href, Link } from "../router";
import { Say } from "../ui";
import { count, short } from "../words";

export function NetworksPage() {
  const { networks, live } = useSite();
  return (
    <Page title="Networks">
      {networks.length === 0 && (
        <Say kind="empty" title="No network yet"
          text={live ? "Name one on the command line: phosphene serve --model miniception."
            : "The store holds no pictures yet. Make some with phosphene sweep, then look again."} />
      )}
      <ul class="networks">
        {networks.map((line) => (
          <li key={line.id}>
            <Link to={href("n", short(line.id))}>
              <strong>{line.model}</strong>
              <span class="dim">{count(line.layers, "layer")} · {count(line.pictures, "picture")}</span>
              <code class="dim">{short(line.id)}</code>
              {line.live && <span class="tag">live</span>}
            </Link>
          </li>
        ))}
      </ul>
    </Page>
  );
}
