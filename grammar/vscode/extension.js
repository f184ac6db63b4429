// Starts `richc lsp` and hands it every .rich document; all the knowledge is in the server.
"use strict";

const { workspace, window } = require("vscode");
const { LanguageClient } = require("vscode-languageclient/node");

let client;

async function activate() {
  const [command, ...args] = workspace.getConfiguration("rich").get("command");
  client = new LanguageClient(
    "rich",
    "Rich",
    { command, args },
    { documentSelector: [{ language: "rich" }] },
  );
  try {
    await client.start();
  } catch (error) {
    window.showErrorMessage(
      `Rich: cannot start \`${[command, ...args].join(" ")}\` (${error.message}). ` +
        "Install it with `pip install 'richc[lsp]'`, or set `rich.command`.",
    );
  }
}

function deactivate() {
  return client?.isRunning() ? client.stop() : undefined;
}

module.exports = { activate, deactivate };
