// node-opcua's server with the machines and the load of benchmarks/opcua_load.py: plain objects
// and variables, of which each machine's ten change once a second.
//
// node opcua_server.js ORDER, a JSON object: port, machines, tree (a file); prints one JSON
// line when it listens.

import { readFileSync } from "node:fs";

import { SecurityPolicy } from "node-opcua-secure-channel";
import { OPCUAServer } from "node-opcua-server";
import { MessageSecurityMode } from "node-opcua-service-secure-channel";
import { StatusCodes } from "node-opcua-status-code";
import { DataType, Variant } from "node-opcua-variant";

const TICK = 10; // ms between two looks at what is due
const AT_ONCE = 0.05; // seconds of the load that are written in one go, at most
const BEHIND = 0.5; // seconds: who is later than that gives up the time, not the values
const NAMESPACE = "urn:voxtrude:machines";

const order = JSON.parse(process.argv[2]);
const tree = JSON.parse(readFileSync(order.tree, "utf8"));
const kinds = {
  double: { dataType: DataType.Double, value: 0 },
  number: { dataType: DataType.Int32, value: 0 },
  text: { dataType: DataType.String, value: "" },
};

const began = performance.now();
const server = new OPCUAServer({
  port: order.port,
  hostname: "127.0.0.1",
  maxConnectionsPerEndpoint: 100,
  allowAnonymous: true,
  securityPolicies: [SecurityPolicy.None],
  securityModes: [MessageSecurityMode.None],
  serverCapabilities: { maxSessions: 100, maxMonitoredItemsPerSubscription: 100_000 },
});
await server.initialize();
const space = server.engine.addressSpace;
const loaded = performance.now();
const before = process.memoryUsage().rss;
const changing = machines(space.registerNamespace(NAMESPACE));
const made = performance.now();
const after = process.memoryUsage().rss;
await server.start();
console.log(
  JSON.stringify({
    ready: true,
    load_seconds: (loaded - began) / 1000,
    create_seconds: (made - loaded) / 1000,
    rss_before_mib: before / 2 ** 20,
    rss_after_mib: after / 2 ** 20,
  }),
);
let start = performance.now();
let done = 0;
setInterval(write, TICK);

// Add the machines; return the changing variables of each.
function machines(namespace) {
  return Array.from({ length: order.machines }, (_, number) => {
    const machine = `prn-${number.toString(16).padStart(16, "0")}`;
    const there = new Map();
    there.set(
      "",
      namespace.addObject({
        organizedBy: space.rootFolder.objects,
        browseName: machine,
        nodeId: `s=${machine}`,
      }),
    );
    for (const [path, kind] of tree.nodes) {
      const slash = path.lastIndexOf("/");
      const options = {
        componentOf: there.get(slash < 0 ? "" : path.slice(0, slash)),
        browseName: path.slice(slash + 1),
        nodeId: `s=${machine}/${path}`,
      };
      there.set(
        path,
        kind === "object"
          ? namespace.addObject(options)
          : namespace.addVariable({
              ...options,
              dataType: kinds[kind].dataType,
              value: new Variant(kinds[kind]),
              minimumSamplingInterval: 0, // told when it changes, not sampled
            }),
      );
    }
    return tree.changing.map((path) => there.get(path));
  });
}

// As benchmarks/opcua_load.py paces it.
function write() {
  let late = Math.floor(((performance.now() - start) * order.machines) / 1000) - done;
  if (late > BEHIND * order.machines) {
    start += (late / order.machines) * 1000;
    late = 0;
  }
  for (let left = Math.min(late, Math.max(AT_ONCE * order.machines, 1)); left > 0; left--) {
    const value = Math.floor(done / order.machines) + 1;
    const now = new Date();
    for (const variable of changing[done % order.machines]) {
      variable.setValueFromSource(
        new Variant({ dataType: DataType.Double, value }),
        StatusCodes.Good,
        now,
      );
    }
    done += 1;
  }
}
