#Requires -Version 5.1
#Requires -RunAsAdministrator
<#
.SYNOPSIS
Installs grab from the unpacked archive: the program, PATH and the service with its folders.

.DESCRIPTION
Copies the program to "C:\Program Files\grab", adds that to the machine's PATH, and has grab install its
service, which makes %ProgramData%\grab with the store and logs, closed to others. Run again with a newer
archive it stops the service, replaces the program and starts the service again if it ran.

-NoService leaves the service out. -Remove takes the service, PATH and the program away; what is in
%ProgramData%\grab stays: store, bundles, configuration, secrets.

.EXAMPLE
powershell -ExecutionPolicy Bypass -File configs\windows\install.ps1
#>
[CmdletBinding()]
param(
    [switch]$NoService,
    [switch]$Remove
)
Set-StrictMode -Version 2
$ErrorActionPreference = 'Stop'

$source = Split-Path -Parent (Split-Path -Parent $PSScriptRoot)
$target = Join-Path ([Environment]::GetFolderPath('ProgramFiles')) 'grab'
$program = Join-Path $target 'grab.exe'
$data = Join-Path ([Environment]::GetFolderPath('CommonApplicationData')) 'grab'

# Runs grab, and stops this script if that fails.
function Invoke-Grab {
    & $program @args
    if ($LASTEXITCODE -ne 0) {
        throw "grab $args failed with exit code $LASTEXITCODE"
    }
}

function Get-GrabService {
    Get-Service -Name 'grab' -ErrorAction SilentlyContinue
}

# Adds the folder to the machine's PATH, or takes it out. Variables in PATH stay as they are written.
function Set-GrabPath([bool]$Wanted) {
    $key = [Microsoft.Win32.Registry]::LocalMachine.OpenSubKey('SYSTEM\CurrentControlSet\Control\Session Manager\Environment', $true)
    try {
        $path = [string]$key.GetValue('Path', '', [Microsoft.Win32.RegistryValueOptions]::DoNotExpandEnvironmentNames)
        $folders = @($path -split ';' | Where-Object { $_ -and $_.TrimEnd('\') -ne $target })
        if ($Wanted) {
            $folders += $target
        }
        $key.SetValue('Path', ($folders -join ';'), [Microsoft.Win32.RegistryValueKind]::ExpandString)
    }
    finally {
        $key.Close()
    }
    # Setting any variable tells programs that are open to read them anew.
    [Environment]::SetEnvironmentVariable('GRAB_INSTALLED', '1', 'Machine')
    [Environment]::SetEnvironmentVariable('GRAB_INSTALLED', $null, 'Machine')
}

if ($Remove) {
    if ((Get-GrabService) -and (Test-Path -LiteralPath $program)) {
        Invoke-Grab service uninstall
    }
    Set-GrabPath $false
    if (Test-Path -LiteralPath $target) {
        Remove-Item -LiteralPath $target -Recurse -Force
    }
    Write-Host "grab is removed. $data is kept: store, bundles, configuration, secrets."
    return
}

if (-not (Test-Path -LiteralPath (Join-Path $source 'grab.exe'))) {
    throw "$source has no grab.exe: run this script from the archive as it was unpacked"
}

$service = Get-GrabService
$ran = $service -and $service.Status -ne 'Stopped'
if ($ran) {
    Invoke-Grab service stop
}

New-Item -ItemType Directory -Path $target -Force | Out-Null
foreach ($name in 'grab.exe', 'README.md', 'LICENSE', 'SECURITY.md', 'CHANGELOG.md', 'third-party.txt', 'sbom.cdx.json', 'docs', 'configs', 'completions') {
    Copy-Item -LiteralPath (Join-Path $source $name) -Destination $target -Recurse -Force
}
Get-ChildItem -LiteralPath $target -Recurse -File | Unblock-File

# What is there has the access list of Program Files, whatever it had before.
& icacls.exe $target /reset /T /C /Q | Out-Null
Set-GrabPath $true

if ($ran) {
    Invoke-Grab service start
}
elseif (-not $NoService -and -not $service) {
    Invoke-Grab service install
}
Write-Host "grab is installed in $target."
Write-Host "Next, in a new PowerShell as administrator: put the secrets into $data, run grab init, then grab service start."
Write-Host "docs\windows.md has the steps."
