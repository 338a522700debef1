"use strict";
// Meshes on canvases that turn together. One WebGL context draws all of them, and the picture is
// copied: it stays for print, and browsers allow few contexts.
const Viewer = (() => {
  const about = JSON.parse(document.getElementById("about").textContent);
  const HALF = 1.02; // canonical units from a canvas's centre to its nearer edge
  const START = { azimuth: 0.61, elevation: 0.21 };
  const turn = { ...START };
  const panes = [];
  let renderer = null;
  let missing = false;
  let waiting = false;

  const bytes = (text, Kind) => new Kind(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer);

  const channels = (colour) => [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16) / 255);

  // The scale's stops are evenly spaced, here as in Python.
  const colour = (share, stops) => {
    const at = Math.min(share * (stops.length - 1), stops.length - 1.000001);
    const low = Math.floor(at);
    return stops[low].map((value, i) => value + (at - low) * (stops[low + 1][i] - value));
  };

  const geometry = (packed, byDistance) => {
    const found = new THREE.BufferGeometry();
    const vertices = Float32Array.from(bytes(packed.v, Int16Array), (v) => (v * about.extent) / 32767);
    found.setAttribute("position", new THREE.BufferAttribute(vertices, 3));
    found.setIndex(new THREE.BufferAttribute(bytes(packed.f, Uint16Array), 1));
    found.computeVertexNormals();
    const plain = channels(about.scale[0]); // as if there were no distance
    const stops = about.scale.map(channels);
    const table = Array.from({ length: 256 }, (_, i) => colour(i / 255, stops));
    const distances = byDistance && bytes(packed.d, Uint8Array);
    const colours = new Float32Array(vertices.length);
    for (let i = 0; i < vertices.length / 3; i++) {
      colours.set(distances ? table[distances[i]] : plain, 3 * i);
    }
    found.setAttribute("color", new THREE.BufferAttribute(colours, 3));
    return found;
  };

  const start = () => {
    if (renderer || missing) return;
    try {
      renderer = new THREE.WebGLRenderer({ antialias: true, alpha: true });
    } catch {
      missing = true;
    }
  };

  class Pane {
    constructor(canvas) {
      this.canvas = canvas;
      this.scene = new THREE.Scene();
      this.camera = new THREE.OrthographicCamera(-1, 1, 1, -1, 0.1, 20);
      // The light moves with the camera: from the upper left, as in the still pictures.
      const key = new THREE.DirectionalLight(0xffffff, 0.58);
      key.position.set(-0.9, 1.1, 1.4);
      this.camera.add(key, new THREE.AmbientLight(0xffffff, 0.36));
      this.scene.add(this.camera);
      this.mesh = null;
      panes.push(this);
      new ResizeObserver(redraw).observe(canvas);
      hold(canvas);
    }

    // Shows a packed mesh, coloured by its distances if wanted; null empties the pane.
    show(packed, byDistance = false) {
      start();
      if (this.mesh) {
        this.scene.remove(this.mesh);
        this.mesh.geometry.dispose();
        this.mesh.material.dispose();
        this.mesh = null;
      }
      if (packed) {
        const material = new THREE.MeshPhongMaterial({
          vertexColors: true, side: THREE.DoubleSide, shininess: 12, specular: 0x1a1a1a,
        });
        this.mesh = new THREE.Mesh(geometry(packed, byDistance), material);
        this.scene.add(this.mesh);
      }
      redraw();
    }

    draw() {
      const { canvas, camera } = this;
      const ratio = Math.min(window.devicePixelRatio || 1, 2);
      const width = Math.round(canvas.clientWidth * ratio);
      const height = Math.round(canvas.clientHeight * ratio);
      if (!width || !height) return;
      if (canvas.width !== width || canvas.height !== height) {
        canvas.width = width;
        canvas.height = height;
      }
      const context = canvas.getContext("2d");
      context.clearRect(0, 0, width, height);
      if (!renderer) {
        context.font = `${14 * ratio}px system-ui, sans-serif`;
        context.fillStyle = getComputedStyle(canvas).color;
        context.fillText("No WebGL here: see the still pictures.", 10 * ratio, 30 * ratio, width);
        return;
      }
      if (!this.mesh) return;
      const unit = HALF / Math.min(width, height);
      camera.right = unit * width;
      camera.top = unit * height;
      camera.left = -camera.right;
      camera.bottom = -camera.top;
      camera.updateProjectionMatrix();
      const { azimuth, elevation } = turn;
      const level = Math.cos(elevation);
      camera.position
        .set(Math.sin(azimuth) * level, Math.sin(elevation), Math.cos(azimuth) * level)
        .multiplyScalar(6);
      camera.lookAt(0, 0, 0);
      renderer.setSize(width, height, false);
      renderer.render(this.scene, camera);
      context.drawImage(renderer.domElement, 0, 0);
    }
  }

  const redraw = () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      for (const pane of panes) pane.draw();
    });
  };

  const rotate = (right, up) => {
    turn.azimuth -= right;
    turn.elevation = Math.max(-1.5, Math.min(1.5, turn.elevation + up));
    redraw();
  };

  // Dragging any canvas turns all; the pointer is kept when it leaves the canvas.
  const hold = (canvas) => {
    let last = null;
    let moved = 0;
    canvas.addEventListener("pointerdown", (event) => {
      last = event;
      moved = 0;
      canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!last) return;
      const [right, down] = [event.clientX - last.clientX, event.clientY - last.clientY];
      moved += Math.abs(right) + Math.abs(down);
      last = event;
      rotate(right * 0.009, down * 0.009);
    });
    const release = () => { last = null; };
    canvas.addEventListener("pointerup", release);
    canvas.addEventListener("pointercancel", release);
    // A click that was a drag is none.
    canvas.addEventListener("click", (event) => {
      if (moved > 4) event.stopImmediatePropagation();
    });
    canvas.addEventListener("dblclick", () => {
      Object.assign(turn, START);
      redraw();
    });
  };

  return { Pane, rotate };
})();
