"""Where everything lies, relative to the working directory: shared by rules and tests.

`{mesh}` is a mesh's name, `{experiment}` an arm's, `{arm}` an arm's or an oracle's, `{run}` an
arm's or, with a seed of its own, a repeat of it (`arm@1`).
"""

HEAD = "results/heads/{mesh}.ply"
HEAD_MANIFEST = "results/heads/{mesh}.json"
CHECKED = "results/.state/checked.json"
MESH = "results/meshes/{mesh}.ply"
MESH_MANIFEST = "results/meshes/{mesh}.json"
HEXPLANE = "results/hexplanes/{mesh}.zarr"
HEXPLANE_MANIFEST = "results/hexplanes/{mesh}.manifest.json"
SDF = "results/sdf/{mesh}.zarr"
SDF_MANIFEST = "results/sdf/{mesh}.manifest.json"
MODEL = "results/models/{run}"
MODEL_MANIFEST = "results/models/{run}/manifest.json"
MODEL_FILES = ("model.safetensors", "config.json", "history.csv")
STATE = "results/.state"
LATENT = "results/latents/{experiment}/{mesh}.zarr"
LATENT_MANIFEST = "results/latents/{experiment}/{mesh}.manifest.json"
RECONSTRUCTION = "results/reconstructions/{arm}/{mesh}.ply"
RECONSTRUCTION_MANIFEST = "results/reconstructions/{arm}/{mesh}.json"
DECODED = "results/reconstructions/{experiment}/{mesh}.zarr"
INTERPOLATION = "results/interpolations/{experiment}/{step}.ply"
INTERPOLATION_MANIFEST = "results/interpolations/{experiment}/manifest.json"
METRICS = "results/metrics/{arm}/{mesh}.json"
DIAGNOSTICS = "results/diagnostics/{run}.json"
RUNS = "results/metrics/runs.csv"
SUMMARY = "results/metrics/summary.csv"
PAGE = "results/report/index.html"
PAGE_MANIFEST = "results/report/index.json"
FIGURE = "results/report/{figure}"

MANIFESTS = (
    *(HEAD_MANIFEST, MESH_MANIFEST, HEXPLANE_MANIFEST, SDF_MANIFEST, MODEL_MANIFEST),
    *(LATENT_MANIFEST, RECONSTRUCTION_MANIFEST, INTERPOLATION_MANIFEST, METRICS, DIAGNOSTICS),
    PAGE_MANIFEST,
)
