// An OPC UA client on node-opcua, for tests: one JSON command as its argument, JSON as output.
//
//   endpoints                          what the server offers
//   machines  {files}                  the server's types and machines, held against the NodeSets
//   watch     {nodes, publishing}      notifications of data, one line each, until stdin closes
//   events    {node, fields, type}     notifications of events, likewise
//   read      {nodes}                  values
//
// Every command has: url, username, password, certificate, key, uri (of the certificate), pki.
// A node is written nsu=URI;s=…, or as the server numbers it.
import {
  AttributeIds, BrowseDirection, constructEventFilter, DataChangeFilter, DataChangeTrigger, DataType,
  DeadbandType, MessageSecurityMode, MonitoringMode, ofType, OPCUAClient, resolveNodeId, SecurityPolicy,
  TimestampsToReturn, UserTokenType, VariantArrayType, ClientSubscription, browseAll,
} from "node-opcua-client";
import { OPCUACertificateManager } from "node-opcua-certificate-manager";
import { compareMachines, compareTypes, load, universal } from "./types.mjs";

const READS = 100; // nodes per call: any server allows so many
const BROWSES = 20;

console.log = console.error; // node-opcua prints there, too
console.warn = console.error;

const say = (thing) => process.stdout.write(`${JSON.stringify(thing)}\n`);

/** A session with the namespaces of its server. */
class Server {
  constructor(session, uris) {
    this.session = session;
    this.uris = uris;
  }

  knows(id) {
    return this.uris.includes(/^nsu=(.*);[isgb]=/.exec(id)[1]);
  }

  /** The NodeId on this server. */
  id(text) {
    const parts = /^nsu=(.*);([isgb]=.*)$/.exec(text);
    if (!parts) return resolveNodeId(text);
    const index = this.uris.indexOf(parts[1]);
    if (index < 0) throw new Error(`the server has no namespace ${parts[1]}`);
    return resolveNodeId(`ns=${index};${parts[2]}`);
  }

  reference(reference) {
    return `${universal(reference.referenceTypeId, this.uris)} ${universal(reference.nodeId, this.uris)}`;
  }

  async read(questions) {
    const answers = [];
    for (let start = 0; start < questions.length; start += READS) {
      const some = questions.slice(start, start + READS);
      answers.push(...await this.session.read(some.map(([nodeId, attributeId]) => ({ nodeId, attributeId }))));
    }
    return answers;
  }

  async browse(nodes, referenceTypeId) {
    const answers = [];
    for (let start = 0; start < nodes.length; start += BROWSES) {
      const some = nodes.slice(start, start + BROWSES).map((nodeId) => ({
        nodeId, referenceTypeId: resolveNodeId(referenceTypeId), includeSubtypes: true,
        browseDirection: BrowseDirection.Forward, nodeClassMask: 0, resultMask: 63,
      }));
      answers.push(...(await browseAll(this.session, some)).map((result) => result.references ?? []));
    }
    return answers;
  }
}

function plain(value) {
  if (value === null || value === undefined) return null;
  if (typeof value === "bigint") return value.toString();
  if (Array.isArray(value) || ArrayBuffer.isView(value)) return Array.from(value, plain);
  return typeof value.toJSON === "function" ? value.toJSON() : value;
}

function variant(given, uris) {
  if (!given || given.dataType === DataType.Null) return { type: null, value: null };
  const isNode = given.dataType === DataType.NodeId && given.arrayType === VariantArrayType.Scalar;
  const value = isNode ? universal(given.value, uris) : plain(given.value);
  return { type: DataType[given.dataType], value };
}

function told(answer, uris) {
  return {
    ...variant(answer.value, uris),
    status: answer.statusCode.name,
    source: answer.sourceTimestamp?.toISOString() ?? null,
    server: answer.serverTimestamp?.toISOString() ?? null,
  };
}

const closed = () => new Promise((resolve) => { process.stdin.on("close", resolve).resume(); });

async function endpoints(client) {
  const found = await client.getEndpoints();
  return found.map((endpoint) => ({
    url: endpoint.endpointUrl,
    mode: MessageSecurityMode[endpoint.securityMode],
    policy: endpoint.securityPolicyUri.split("#")[1],
    tokens: endpoint.userIdentityTokens.map((token) => UserTokenType[token.tokenType]),
    uri: endpoint.server.applicationUri,
  }));
}

async function machines(server, { files = [] }) {
  const types = await load(files);
  const compared = await compareTypes(types, server);
  const found = await compareMachines(types, server);
  types.space.dispose();
  return { namespaces: server.uris, types: compared, machines: found };
}

async function subscribed(server, publishing) {
  return ClientSubscription.create(server.session, {
    requestedPublishingInterval: publishing ?? 100, requestedLifetimeCount: 1000,
    requestedMaxKeepAliveCount: 10, maxNotificationsPerPublish: 0, publishingEnabled: true, priority: 1,
  });
}

function filter({ deadband, trigger }) {
  if (!deadband && !trigger) return undefined;
  return new DataChangeFilter({
    trigger: DataChangeTrigger[trigger ?? "StatusValue"],
    deadbandType: DeadbandType[deadband?.type ?? "None"],
    deadbandValue: deadband?.value ?? 0,
  });
}

async function watch(server, { nodes, publishing }) {
  const subscription = await subscribed(server, publishing);
  subscription.on("terminated", () => say({ terminated: true }));
  subscription.on("status_changed", (status) => say({ subscription: status.name }));
  const early = [];
  let hear = (line) => early.push(line);
  const items = [];
  for (const wanted of nodes) {
    const item = await subscription.monitor(
      { nodeId: server.id(wanted.node), attributeId: AttributeIds[wanted.attribute ?? "Value"] },
      {
        samplingInterval: wanted.sampling ?? 100, queueSize: wanted.queue ?? 10,
        discardOldest: wanted.discardOldest ?? true, filter: filter(wanted),
      },
      TimestampsToReturn.Both, MonitoringMode.Reporting,
    );
    item.on("changed", (answer) => hear({ node: wanted.node, ...told(answer, server.uris) }));
    items.push({
      node: wanted.node, status: item.statusCode.name,
      sampling: item.result?.revisedSamplingInterval ?? null, queue: item.result?.revisedQueueSize ?? null,
    });
  }
  say({ ready: true, publishing: subscription.publishingInterval, items });
  early.forEach(say);
  hear = say;
  await closed();
  await subscription.terminate();
}

async function events(server, { node, fields, type, publishing }) {
  const numbered = fields.map((field) => {
    const parts = /^nsu=(.*);(.*)$/.exec(field);
    return parts ? `${server.uris.indexOf(parts[1])}:${parts[2]}` : field;
  });
  const subscription = await subscribed(server, publishing);
  const where = type ? ofType(server.id(type)) : undefined;
  const item = await subscription.monitor(
    { nodeId: server.id(node), attributeId: AttributeIds.EventNotifier },
    { samplingInterval: 0, queueSize: 1000, discardOldest: true, filter: constructEventFilter(numbered, where) },
    TimestampsToReturn.Both, MonitoringMode.Reporting,
  );
  const early = [];
  let hear = (line) => early.push(line);
  item.on("changed", (values) => {
    const told = values.map((value, place) => [fields[place], variant(value, server.uris).value]);
    hear({ event: Object.fromEntries(told) });
  });
  say({ ready: true, status: item.statusCode.name });
  early.forEach(say);
  hear = say;
  await closed();
  await subscription.terminate();
}

async function read(server, { nodes }) {
  const answers = await server.read(nodes.map((node) => [server.id(node), AttributeIds.Value]));
  return Object.fromEntries(nodes.map((node, place) => [node, told(answers[place], server.uris)]));
}

const COMMANDS = { machines, watch, events, read };

async function main() {
  const command = JSON.parse(process.argv[2]);
  const isSecure = Boolean(command.certificate);
  const trust = new OPCUACertificateManager({
    rootFolder: command.pki, automaticallyAcceptUnknownCertificate: true,
  });
  await trust.initialize();
  const client = OPCUAClient.create({
    applicationName: "Voxtrude test client", applicationUri: command.uri,
    certificateFile: command.certificate, privateKeyFile: command.key,
    securityMode: isSecure ? MessageSecurityMode.SignAndEncrypt : MessageSecurityMode.None,
    securityPolicy: isSecure ? SecurityPolicy.Basic256Sha256 : SecurityPolicy.None,
    endpointMustExist: false, clientCertificateManager: trust,
    connectionStrategy: { maxRetry: 0, initialDelay: 100, maxDelay: 100 },
    transportTimeout: 10_000,
  });
  await client.connect(command.url);
  try {
    if (command.command === "endpoints") {
      say(await endpoints(client));
      return;
    }
    const session = await client.createSession(
      command.username
        ? { type: UserTokenType.UserName, userName: command.username, password: command.password }
        : { type: UserTokenType.Anonymous },
    );
    try {
      const result = await COMMANDS[command.command](
        new Server(session, await session.readNamespaceArray()), command,
      );
      if (result) say(result);
    } finally {
      await session.close();
    }
  } finally {
    await client.disconnect();
    await trust.dispose();
  }
}

try {
  await main();
} catch (error) {
  say({ error: error.message });
  process.exitCode = 1;
}
