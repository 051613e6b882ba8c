// Copyright 2026 The Clawea Authors
// SPDX-License-Identifier: Apache-2.0
import { readConfig, servesHouse } from "./config.mjs";
import { Guard } from "./guard.mjs";
import { Heartbeat } from "./heartbeat.mjs";
import { House } from "./house.mjs";
import { takeSecret } from "./secret.mjs";
import { undecided } from "./told.mjs";
// OpenClaw runs a hook's handlers by falling priority, shows each the arguments as
// they were, and takes the rewrite that came last. Last is where the arguments are
// said that the house has judged.
const last = Number.NEGATIVE_INFINITY;
// The modes of registration whose hooks OpenClaw may run. Its documentation says
// "full"; it loads plugins so, too, and then runs the hooks of another load, whose
// mode is "discovery".
const modes = ["full", "discovery"];
const hookTime = 20; // seconds that a hook may take beside what people are waited for
export default {
    id: "clawea",
    name: "Clawea",
    description: "Asks Clawea about every tool call, blocks what it does not allow, and tells it what became of the rest.",
    register,
};
/**
 * Registers the hooks. OpenClaw goes on without a plugin whose registration throws,
 * and runs every tool: so whatever is wrong, hooks are registered, which block.
 */
function register(api) {
    try {
        if (!modes.includes(api.registrationMode))
            throw new Error(`OpenClaw has loaded the plugin in the mode ${api.registrationMode}, in which it guards nothing`);
        stand(api);
    }
    catch (err) {
        refuse(api, err);
    }
}
function stand(api) {
    const config = readConfig(api.pluginConfig);
    const house = new House(config.url, secret(config.secretFile));
    const heart = new Heartbeat(house, config.heartbeatSeconds, api.logger);
    const guard = new Guard({ house, waitSeconds: config.waitSeconds, servesHouse: servesHouse(api.config, config.url), log: api.logger });
    api.on("before_tool_call", (event, ctx) => guard.before(event, ctx), { priority: last, timeoutMs: (config.waitSeconds + hookTime) * 1000 });
    api.on("after_tool_call", (event, ctx) => guard.after(event, ctx));
    api.on("before_model_resolve", async () => void (await heart.heard()));
    api.on("before_agent_run", async () => {
        if (await heart.heard())
            return { outcome: "pass" };
        const why = "Clawea does not hear its plugin. No model is called.";
        return { outcome: "block", reason: why, message: why };
    });
    api.on("agent_end", async (_, ctx) => {
        await guard.end(ctx);
        if (guard.handedOn > 0)
            api.logger.info(`clawea: ${guard.handedOn} calls went to Clawea's own tools`);
    });
    api.lifecycle?.onDispose?.(async () => {
        heart.stop();
        await guard.end({});
    });
}
function secret(path) {
    try {
        return takeSecret(path);
    }
    catch (err) {
        throw new Error(`the secret in secretFile could not be taken: ${err instanceof Error ? err.message : String(err)}`);
    }
}
// Blocks every run and every tool. There is no heartbeat.
function refuse(api, why) {
    const blockReason = undecided(why);
    api.on("before_tool_call", async () => ({ block: true, blockReason }), { priority: Number.POSITIVE_INFINITY });
    api.on("before_agent_run", async () => ({ outcome: "block", reason: blockReason, message: blockReason }));
    if (modes.includes(api.registrationMode))
        api.logger.error(`clawea: every tool is blocked: ${why instanceof Error ? why.message : String(why)}`);
}
