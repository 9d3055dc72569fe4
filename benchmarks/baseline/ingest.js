// As safe as ingest, and as plain as such a script is written: a persistent session,
// QoS 1, each message written durably before its PUBACK leaves. mqtt.js hands the next
// message over once the callback of the one before was called.
import { MongoClient } from "mongodb";
import mqtt from "mqtt";

const { MQTT_URL, MQTT_USERNAME, MQTT_PASSWORD, MONGO_URL } = process.env;

const database = await MongoClient.connect(MONGO_URL);
const states = database
  .db("voxtrude")
  .collection("baseline", { writeConcern: { w: "majority", journal: true } });

const client = mqtt.connect(MQTT_URL, {
  clientId: MQTT_USERNAME,
  username: MQTT_USERNAME,
  password: MQTT_PASSWORD,
  protocolVersion: 5,
  clean: false,
  properties: { sessionExpiryInterval: 604800, receiveMaximum: 4000 },
});

client.handleMessage = (packet, acknowledge) => {
  const [, printer, kind, name] = packet.topic.split("/");
  let said;
  try {
    said = JSON.parse(packet.payload);
  } catch {
    acknowledge(); // no JSON: nothing of it can be kept
    return;
  }
  states
    .updateOne({ _id: printer }, { $set: { [`${kind}.${name}`]: said } }, { upsert: true })
    .then(() => acknowledge(), acknowledge);
};

client.on("error", (error) => {
  console.error(error.message);
  process.exit(1);
});
client.on("connect", () => {
  client.subscribe("octoPrint/#", { qos: 1 }, (error) => {
    console.log(error ? error.message : "listening");
  });
});
