import assert from "node:assert/strict";
import { test } from "node:test";
import { openDemo } from "./visit.mjs";

const fakeCamera = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"];

test("the camera's picture is cut out live, and stops when the tab is hidden", async () => {
  const demo = await openDemo({ args: fakeCamera });
  try {
    const { page, complaints } = await demo.visit({ permissions: ["camera"] });
    await page.getByRole("tab", { name: "Cut out a person" }).click();
    await page.getByRole("button", { name: "Use the camera" }).click();
    await page.getByText(/Live, about \d+ pictures a second/).waitFor();
    const isDrawn = await page
      .locator("#cut-out canvas")
      .evaluate((canvas) => canvas instanceof HTMLCanvasElement && canvas.width > 300);
    assert.ok(isDrawn);

    await page.getByRole("button", { name: "Stop the camera" }).click();
    await page.getByText("The camera is off.").waitFor();
    await page.getByRole("button", { name: "Use the camera" }).click();
    await page.getByRole("button", { name: "Stop the camera" }).waitFor();

    await page.evaluate(() => {
      Object.defineProperty(document, "hidden", { value: true, configurable: true });
      document.dispatchEvent(new Event("visibilitychange"));
    });
    await page.getByText("The camera was stopped because this tab was hidden.").waitFor();
    const isOff = await page
      .locator("video")
      .evaluate((video) => video instanceof HTMLVideoElement && video.srcObject === null);
    assert.ok(isOff);
    assert.deepEqual(complaints, []);
  } finally {
    await demo.close();
  }
});

test("a refused camera and a missing one are explained, and a photo still works", async () => {
  const demo = await openDemo();
  try {
    const { page, context, complaints } = await demo.visit();
    await page.getByRole("tab", { name: "Cut out a person" }).click();
    await page.getByRole("button", { name: "Use the camera" }).click();
    await page.getByText(/The camera was not allowed|No camera was found/).waitFor();
    await context.grantPermissions(["camera"]);
    await page.getByRole("button", { name: "Use the camera" }).click();
    await page.getByText("No camera was found on this device.").waitFor();
    await page.locator('[data-sample$="astronaut.jpg"]').click();
    await page.locator(".stage[data-state=done]").waitFor();
    assert.deepEqual(complaints, []);
  } finally {
    await demo.close();
  }
});
