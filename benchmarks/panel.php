<?php
// A status call as PHP runs it: session_start() locks the session's file until the script ends, and the rest takes 40 ms.
if (str_ends_with($_SERVER['REQUEST_URI'], '/list')) {
    $vps = fn($id) => ['id' => "$id", 'node' => (string) (($id - 1) % 20 + 1), 'virtualization_type' => '1',
        'hostname' => "web-$id.example.net", 'guaranteed_ram' => '512', 'disk_space' => '40000', 'cpu_count' => '2'];
    echo json_encode(['response' => ['vpses' => array_map($vps, range(1, (int) getenv('VPSES')))]]);
    return;
}
session_start();
usleep(40000);
echo json_encode(['response' => ['ram_used' => '37', 'disk_used' => 1233.7, 'status' => 'running', 'traffic_used' => '0']]);
