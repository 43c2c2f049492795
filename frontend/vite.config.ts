import { defineConfig } from "vite";

// One classic script and one style sheet with fixed names: an exported gallery opens from file://, where ES modules and
// fetch are blocked. public/ (index.html, icon.svg) is copied as it is.
export default defineConfig({
  base: "./",
  build: {
    outDir: "../src/phosphene/web/dist",
    emptyOutDir: true,
    target: "es2022",
    modulePreload: false,
    cssCodeSplit: false,
    assetsInlineLimit: 0,
    reportCompressedSize: true,
    rollupOptions: {
      input: "src/main.tsx",
      output: { format: "iife", entryFileNames: "app.js", assetFileNames: "app.[ext]" },
    },
  },
});
