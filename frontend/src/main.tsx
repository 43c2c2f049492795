import "./style.css";
import "./pages.css";
import { render } from "preact";
import { App } from "./app";
import { SiteContext, SourceContext } from "./context";
import { FileSource } from "./files";
import { HttpSource } from "./http";
import { useLoaded } from "./load";
import { applyPixels, applyTheme } from "./theme";
import { Failed, Waiting } from "./ui";

const said = document.querySelector<HTMLMetaElement>('meta[name="phosphene-source"]')?.content;
const source = said === "files" ? new FileSource() : new HttpSource();

function Root() {
  const site = useLoaded(() => source.site(), []);
  if (site.data) {
    return (
      <SourceContext.Provider value={source}>
        <SiteContext.Provider value={site.data}><App /></SiteContext.Provider>
      </SourceContext.Provider>
    );
  }
  return (
    <main class="page">
      {site.trouble ? <Failed trouble={site.trouble} again={site.again} what="microscope" />
        : <Waiting what="Opening the microscope" />}
    </main>
  );
}

applyTheme();
applyPixels();
render(<Root />, document.getElementById("app")!);
