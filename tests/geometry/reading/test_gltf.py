"""GLB: what the default scene shows, at rest, is what is read; what cannot be read is named."""

import base64
import json
import struct

import DracoPy
import numpy as np
import pytest
import trimesh

from hexplane.geometry.meshes import load_mesh
from hexplane.plumbing.errors import UserError
from support import files
from support.files import CORNERS, TRIANGLES, Glb

LIFT = np.array([0.0, 0.0, 10.0])


def _load(tmp_path, glb: Glb | bytes) -> trimesh.Trimesh:
    path = tmp_path / "a.glb"
    path.write_bytes(glb if isinstance(glb, bytes) else glb.bytes())
    return load_mesh(path)


def _refusal(tmp_path, glb: Glb | bytes) -> str:
    with pytest.raises(UserError) as caught:
        _load(tmp_path, glb)
    line = str(caught.value)
    assert line.startswith(f"{tmp_path / 'a.glb'}: not a readable GLB (") and "\n" not in line
    return line


def _required(glb: Glb, *names: str) -> Glb:
    glb.json["extensionsUsed"] = glb.json["extensionsRequired"] = list(names)
    return glb


def _draco(corners=CORNERS, **attributes) -> bytes:
    return DracoPy.encode(
        corners.astype(np.float32),
        np.array(TRIANGLES, np.uint32),
        quantization_bits=16,
        preserve_order=True,
        generic_attributes=attributes or None,
    )


def _draco_box(glb: Glb, data: bytes, **more) -> dict:
    """The box in Draco's form only: its accessors have no data of their own."""
    draco = {"bufferView": glb.view(data), "attributes": {"POSITION": 0}}
    return {
        "attributes": {"POSITION": glb.accessor(8, 3)},
        "indices": glb.accessor(36, 1, "u2"),
        "extensions": {"KHR_draco_mesh_compression": draco},
        **more,
    }


@pytest.mark.parametrize("kind", ["u1", "u2", "u4"])
def test_indices_of_every_width(tmp_path, kind):
    glb = Glb()
    indices = glb.array(np.ravel(TRIANGLES), kind)
    primitive = {"attributes": {"POSITION": glb.array(CORNERS)}, "indices": indices}
    assert files.is_the_box(_load(tmp_path, glb.scene(primitive)))


def test_interleaved_views_data_uris_and_no_indices(tmp_path):
    glb = Glb()
    rows = np.zeros((36, 5), "<f4")
    rows[:, 1:4] = CORNERS[np.ravel(TRIANGLES)]
    view = glb.view(rows.tobytes(), byteStride=20)
    glb.scene({"attributes": {"POSITION": glb.accessor(36, 3, bufferView=view, byteOffset=4)}})
    data = glb.bytes()
    assert files.is_the_box(_load(tmp_path, data))
    glb.json["buffers"] = [
        {
            "byteLength": len(glb.binary),
            "uri": "data:application/octet-stream;base64," + base64.b64encode(glb.binary).decode(),
        }
    ]
    assert files.is_the_box(_load(tmp_path, files.packed(json.dumps(glb.json).encode(), b"")))


def test_sparse_accessors_override_their_base_or_zeros(tmp_path):
    for base in (True, False):
        glb = Glb()
        which = [5, 6] if base else list(range(8))
        wrong = CORNERS.copy()
        wrong[which] = 7
        sparse = {
            "count": len(which),
            "indices": {"bufferView": glb.view(bytes(which)), "componentType": 5121},
            "values": {"bufferView": glb.view(CORNERS[which].astype("<f4").tobytes())},
        }
        own = glb.array(wrong) if base else glb.accessor(8, 3)
        glb.json["accessors"][own]["sparse"] = sparse
        indices = glb.array(np.ravel(TRIANGLES), "u2")
        primitive = {"attributes": {"POSITION": own}, "indices": indices}
        assert files.is_the_box(_load(tmp_path, glb.scene(primitive)))


@pytest.mark.parametrize(
    ("kind", "normalised", "step"),
    [("i2", True, 1 / 32767), ("u2", True, 1 / 65535), ("i1", True, 1 / 127), ("u2", False, 1)],
)
def test_quantised_positions_are_scaled_by_their_node(tmp_path, kind, normalised, step):
    glb = Glb()
    steps = 120 if kind == "i1" else 30000
    position = glb.array(np.round(CORNERS / 3 * steps), kind, normalized=normalised)
    indices = glb.array(np.ravel(TRIANGLES), "u2")
    size = 3 / steps / step
    primitive = {"attributes": {"POSITION": position}, "indices": indices}
    glb.scene(primitive, scale=[size] * 3, translation=[1, 2, 3])
    mesh = _load(tmp_path, _required(glb, "KHR_mesh_quantization"))
    assert mesh.bounds == pytest.approx(np.array([[1, 2, 3], [2, 4, 6]]), abs=1e-4)
    assert mesh.is_watertight


def test_instances_are_all_there_placed_by_node_and_instance(tmp_path):
    glb = Glb()
    attributes = {
        "TRANSLATION": glb.array([[0, 0, 0], [10, 0, 0], [0, 20, 0]]),
        "ROTATION": glb.array([[0, 0, 0, 127]] * 2 + [[0, 0, 90, 90]], "i1", normalized=True),
        "SCALE": glb.array([[1, 1, 1], [-1, 1, 1], [2, 2, 2]]),
    }
    glb.scene(
        glb.box(),
        scale=[2, 2, 2],
        extensions={"EXT_mesh_gpu_instancing": {"attributes": attributes}},
    )
    mesh = _load(tmp_path, _required(glb, "EXT_mesh_gpu_instancing"))
    bodies = mesh.split(only_watertight=True)
    assert len(bodies) == 3
    assert sorted(b.volume for b in bodies) == pytest.approx([48, 48, 384])  # none inside out
    assert mesh.bounds == pytest.approx(np.array([[-8, 0, 0], [20, 44, 12]]), abs=1e-4)


def test_draco_alone_beside_another_part_and_with_a_fallback(tmp_path):
    glb = Glb()
    glb.scene(_draco_box(glb, _draco()))
    mesh = _load(tmp_path, _required(glb, "KHR_draco_mesh_compression"))
    assert mesh.is_watertight and mesh.volume == pytest.approx(6, rel=1e-3)

    glb = Glb()
    glb.scene(glb.box(), _draco_box(glb, _draco(CORNERS + LIFT)))
    assert _load(tmp_path, glb).volume == pytest.approx(12, rel=1e-3)
    assert _load(tmp_path, glb).bounds[1, 2] == pytest.approx(13, rel=1e-3)


def test_draco_of_a_head_is_the_head(tmp_path):
    ball = trimesh.creation.icosphere(4)
    data = DracoPy.encode(ball.vertices, ball.faces.astype(np.uint32), quantization_bits=16)
    glb = Glb()
    primitive = _draco_box(glb, data)
    glb.json["accessors"][primitive["attributes"]["POSITION"]]["count"] = len(ball.vertices)
    mesh = _load(tmp_path, _required(glb.scene(primitive), "KHR_draco_mesh_compression"))
    assert len(mesh.faces) == len(ball.faces)
    assert np.abs(np.linalg.norm(mesh.vertices, axis=1) - 1).max() < 1e-4


def _morphing(glb: Glb, **more) -> dict:
    moved = np.zeros((8, 3))
    moved[4:] = LIFT
    return glb.box(targets=[{"POSITION": glb.array(moved)}, {"NORMAL": 0}], **more)


def test_morph_weights_of_the_mesh_and_of_the_node(tmp_path):
    glb = Glb()
    glb.scene(_morphing(glb), mesh={"weights": [1, 0]})
    assert _load(tmp_path, glb).bounds[1, 2] == pytest.approx(13)
    glb.json["nodes"].append({"mesh": 0, "weights": [0.5, 1], "translation": [5, 0, 0]})
    glb.json["scenes"][0]["nodes"].append(1)
    heights = [body.bounds[1, 2] for body in _load(tmp_path, glb).split()]
    assert sorted(heights) == pytest.approx([8, 13])
    glb.scene(_morphing(glb))
    assert files.is_the_box(_load(tmp_path, glb))
    glb.scene(_morphing(glb), mesh={"weights": [1, 0, 3]})
    assert "3 weights for 2 morph targets" in _refusal(tmp_path, glb)


def _skinned(glb: Glb, weights, **node) -> Glb:
    """The lower half of the box bound to joint 1, the upper half to joint 2."""
    joints = [[0, 0, 0, 0]] * 4 + [[1, 0, 0, 0]] * 4
    primitive = glb.box()
    primitive["attributes"] |= {
        "JOINTS_0": glb.array(joints, "u1"),
        "WEIGHTS_0": glb.array(weights),
    }
    bind = np.tile(np.eye(4), (2, 1, 1))
    bind[:, :3, 3] = -LIFT  # the skeleton stood at LIFT when the box was bound
    glb.scene(primitive, skin=0, **node)
    glb.json["nodes"] += [
        {"children": [2], "translation": LIFT.tolist()},
        {"translation": [0, 0, 5]},
    ]
    glb.json["scenes"][0]["nodes"].append(1)
    glb.json["skins"] = [
        {
            "joints": [1, 2],
            "inverseBindMatrices": glb.array(bind.transpose(0, 2, 1).reshape(2, 16)),
        }
    ]
    return glb


def test_a_skin_moves_the_mesh_and_its_own_node_does_not(tmp_path):
    ones = [[1, 0, 0, 0]] * 8
    mesh = _load(tmp_path, _skinned(Glb(), ones, translation=[100, 0, 0], scale=[3, 3, 3]))
    assert mesh.bounds == pytest.approx(np.array([[0, 0, 0], [1, 2, 8]]))
    half = [[0.25, 0.25, 0, 0]] * 8  # of joints 0 and 0, 1 and 0: made to sum to 1
    assert _load(tmp_path, _skinned(Glb(), half)).bounds[1, 2] == pytest.approx(5.5)
    assert "its weights are 0, or no numbers" in _refusal(
        tmp_path, _skinned(Glb(), np.zeros((8, 4)))
    )
    glb = _skinned(Glb(), ones)
    glb.json["skins"][0]["joints"] = [1]
    assert "a joint that is not there" in _refusal(tmp_path, glb)
    del glb.json["meshes"][0]["primitives"][0]["attributes"]["JOINTS_0"]
    assert "no JOINTS_0" in _refusal(tmp_path, glb)


@pytest.mark.parametrize(("mode", "order"), [(5, [0, 3, 1, 2]), (6, [0, 3, 2, 1])])
def test_strips_and_fans(tmp_path, mode, order):
    glb = Glb()
    position = glb.array(CORNERS)
    parts = [
        {
            "attributes": {"POSITION": position},
            "indices": glb.array([quad[i] for i in (order if mode == 6 else (0, 1, 3, 2))], "u1"),
            "mode": mode,
        }
        for quad in files.QUADS
    ]
    if mode == 6:
        for part, quad in zip(parts, files.QUADS, strict=True):
            part["indices"] = glb.array(quad, "u1")
    assert files.is_the_box(_load(tmp_path, glb.scene(*parts)))


def test_places_add_up_along_the_tree_and_mirrors_turn_no_face_inside_out(tmp_path):
    glb = Glb()
    glb.scene(glb.box())
    half = float(np.sqrt(0.5))
    glb.json["nodes"] = [
        {"children": [1], "translation": [10, 0, 0]},
        {"children": [2], "rotation": [0, 0, half, half]},  # x to y, y to -x
        {"children": [3], "scale": [1, 1, -1]},
        {"mesh": 0, "matrix": [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 5, 0, 0, 1]},
        {"mesh": 0, "translation": [1000, 0, 0]},
    ]
    mesh = _load(tmp_path, glb)  # node 4 is not in the scene
    assert mesh.bounds == pytest.approx(np.array([[8, 5, -3], [10, 6, 0]]))
    assert mesh.volume == pytest.approx(6)
    glb.json["scenes"].append({"nodes": [4]})
    glb.json["scene"] = 1
    assert _load(tmp_path, glb).bounds[0, 0] == pytest.approx(1000)


def test_without_scenes_all_nodes_are_shown(tmp_path):
    glb = Glb()
    glb.scene(glb.box())
    del glb.json["scenes"], glb.json["scene"]
    assert files.is_the_box(_load(tmp_path, glb))


def test_points_and_lines_are_passed_over(tmp_path):
    glb = Glb()
    far = glb.array(np.eye(3) * 50)
    glb.scene(glb.box(), {"attributes": {"POSITION": far}, "mode": 0}, {"attributes": {}})
    assert files.is_the_box(_load(tmp_path, glb))


def test_looks_may_be_required_and_what_is_unknown_may_not(tmp_path):
    glb = Glb()
    glb.scene(glb.box())
    looks = ("KHR_texture_transform", "EXT_structural_metadata", "EXT_texture_webp")
    assert files.is_the_box(_load(tmp_path, _required(glb, *looks)))
    glb.json["extensionsUsed"] = ["VENDOR_of_no_need"]
    assert files.is_the_box(_load(tmp_path, glb))
    line = _refusal(tmp_path, _required(glb, "KHR_materials_unlit", "VENDOR_curved_triangles"))
    assert "'VENDOR_curved_triangles', which is not supported" in line


def test_hidden_nodes_and_those_below_them_are_left_out(tmp_path):
    glb = Glb()
    glb.scene(glb.box())
    name = "KHR_node_visibility"
    glb.json["nodes"] = [
        {"mesh": 0, "extensions": {name: {"visible": True}}},
        {
            "mesh": 0,
            "translation": [9, 0, 0],
            "children": [2],
            "extensions": {name: {"visible": False}},
        },
        {"mesh": 0, "translation": [9, 0, 0]},
    ]
    glb.json["scenes"][0]["nodes"] = [0, 1]
    assert files.is_the_box(_load(tmp_path, _required(glb, name)))
    del glb.json["scenes"], glb.json["scene"]
    assert files.is_the_box(_load(tmp_path, glb))
    glb.json["nodes"][1]["extensions"][name]["visible"] = []
    assert "visible" in _refusal(tmp_path, glb)


@pytest.mark.parametrize("name", ["EXT_meshopt_compression", "KHR_meshopt_compression"])
def test_meshopt_is_refused_by_name(tmp_path, name):
    glb = Glb()
    primitive = glb.box()
    glb.json["bufferViews"][1]["extensions"] = {name: {"buffer": 0, "count": 8, "byteStride": 12}}
    assert f"{name} is not supported" in _refusal(tmp_path, _required(glb.scene(primitive), name))
    glb.json["extensionsRequired"] = []
    assert f"{name} is not supported" in _refusal(tmp_path, glb)


def _changed(change) -> bytes:
    glb = Glb()
    glb.scene(glb.box(), _draco_box(glb, _draco()))
    change(glb.json)
    return glb.bytes()


def _cut_draco(glb: dict) -> None:
    glb["bufferViews"][-1]["byteLength"] -= 20


WHOLE = _changed(lambda j: None)
DAMAGED = {
    "cut short": (WHOLE[:-40], f"{len(WHOLE) - 40:,} of {len(WHOLE):,} bytes: cut short"),
    "cut in the JSON": (WHOLE[:300], "cut short"),
    "cut in the header": (WHOLE[:9], "cut short"),
    "another format": (b"PK\3\4" + WHOLE[4:], "does not begin with glTF"),
    "glTF 1": (WHOLE[:4] + struct.pack("<I", 1) + WHOLE[8:], "version 1"),
    "damaged JSON": (WHOLE.replace(b'"accessors"', b'"accessors;'), "JSON is damaged"),
    "deep JSON": (files.packed(b"[" * 10**6, b""), "nested too deep"),
    "deep nodes": (
        files.packed(b'{"nodes":' + b'[{"extras":' * 10**5 + b"0}" + b"]" * 10**5, b""),
        "JSON",
    ),
    "no object": (files.packed(b"[]", b""), "JSON: input should be"),
    "10^12 values": (_changed(lambda j: j["accessors"][1].update(count=10**12)), "declares more"),
    "10^6 values": (_changed(lambda j: j["accessors"][1].update(count=10**6)), "1,000,000 values"),
    "a few values more": (_changed(lambda j: j["accessors"][1].update(count=9)), "beyond the end"),
    "a negative offset": (_changed(lambda j: j["bufferViews"][0].update(byteOffset=-4)), "greater"),
    "an unknown type": (_changed(lambda j: j["accessors"][1].update(type="VEC9")), "accessors.1"),
    "NaN in a node": (_changed(lambda j: j["nodes"][0].update(scale=[1, 1, np.nan])), "finite"),
    "a missing accessor": (
        _changed(lambda j: j["meshes"][0]["primitives"][0].update(indices=99)),
        "accessor 99, which is not there",
    ),
    "a missing mesh": (_changed(lambda j: j["nodes"][0].update(mesh=9)), "mesh 9"),
    "half a triangle": (_changed(lambda j: j["accessors"][0].update(count=35)), "no whole triang"),
    "a face beyond": (_changed(lambda j: j["accessors"][1].update(count=7)), "not there"),
    "no nodes": (_changed(lambda j: j["nodes"].clear()), "node 0"),
    "a ring": (_changed(lambda j: j["nodes"].append({"children": [1]})), "below itself"),
    "two parents": (
        _changed(lambda j: j["nodes"].extend([{"children": [0]}, {"children": [0]}])),
        "two parents",
    ),
    "Draco cut": (_changed(_cut_draco), "Draco data are damaged"),
    "Draco of others": (_changed(lambda j: j["accessors"][2].update(count=4)), "8 of 4 vertices"),
}


@pytest.mark.parametrize("how", DAMAGED)
def test_damaged_file_is_refused_by_what_is_wrong(tmp_path, how):
    data, reason = DAMAGED[how]
    assert reason in _refusal(tmp_path, data)


def test_data_in_another_file_are_not_looked_for(tmp_path):
    glb = Glb()
    glb.scene(glb.box())
    glb.json["buffers"] = [{"byteLength": len(glb.binary), "uri": "../secret.bin"}]
    line = _refusal(tmp_path, files.packed(json.dumps(glb.json).encode(), bytes(glb.binary)))
    assert "buffer 0 lies in another file ('../secret.bin')" in line


def test_instances_of_instances_do_not_fill_the_memory(tmp_path):
    glb = Glb()
    copies = glb.accessor(100_000, 3)  # zeros, which take no place in the file
    extension = {"EXT_mesh_gpu_instancing": {"attributes": {"TRANSLATION": copies}}}
    glb.scene(*[glb.box()] * 50, extensions=extension)
    glb.json["extras"] = " " * 100_000
    assert "more than 20,000,000 triangles" in _refusal(tmp_path, glb)
